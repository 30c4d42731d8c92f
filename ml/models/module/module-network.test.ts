import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { ModelSpec, Task } from '../../../contracts/pipeline.js';
import type { EncodedData, EngineSession, StepPlan } from '../../train/engine.js';
import { openCompiled, onnxruntimeEngine } from '../../train/engines/onnxruntime.js';
import { openEager, tfjsCpuEngine } from '../../train/engines/tfjs.js';
import { cpuBackend } from '../../train/engines/tfjs-backend.js';
import { networkOf } from '../build-network.js';
import { createRandom } from '../random.js';
import { moduleOf } from './module-fixture.js';
import { recordNetwork, replayNetwork } from './recorded-network.js';

const table: FeatureLayout = {
  categorical: [
    { name: 'origin', size: 7, dimension: 'auto' },
    { name: 'hour', size: 9, dimension: 3 },
  ],
  numeric: ['distance', 'delay', 'wind'],
};
const numbers: FeatureLayout = { categorical: [], numeric: ['distance', 'delay', 'wind'] };
const images: FeatureLayout = { categorical: [], numeric: [], image: { name: 'picture', height: 12, width: 11, channels: 2 } };
const rows = 120;
const batchSize = 16;
const steps = 50;

function dataOf(layout: FeatureLayout, task: Task, outputs: number): EncodedData {
  const random = createRandom(5);
  const { categorical, numeric, image } = layout;
  const score = Float32Array.from({ length: rows }, () => random() * 2 - 1);
  const pixels = image ? image.height * image.width * image.channels : 0;
  return {
    rows,
    ...(categorical.length > 0
      ? {
          categorical: Int32Array.from({ length: rows * categorical.length }, (_, i) =>
            Math.floor(random() * categorical[i % categorical.length].size),
          ),
        }
      : {}),
    ...(numeric.length > 0
      ? { numeric: Float32Array.from({ length: rows * numeric.length }, (_, i) => random() - 0.5 + score[Math.floor(i / numeric.length)]) }
      : {}),
    ...(image
      ? { image: Uint8Array.from({ length: rows * pixels }, (_, i) => 100 + 60 * score[Math.floor(i / pixels)] + 80 * random()) }
      : {}),
    target: score.map((value) => {
      if (task === 'regression') return value;
      return task === 'binary' ? Number(value > 0) : Math.min(outputs - 1, Math.floor(((value + 1) / 2) * outputs));
    }),
  };
}

const outputsOf = { binary: 1, multiclass: 3, multilabel: 3, regression: 1 } as const;

function planOf(model: ModelSpec, layout: FeatureLayout, task: Task): StepPlan {
  return {
    model,
    layout,
    task,
    outputs: outputsOf[task],
    batchSize,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
    seed: 3,
    threads: 1,
  };
}

const random = createRandom(17);
const order = Int32Array.from({ length: steps * batchSize }, () => Math.floor(random() * rows));
const rates = new Float32Array(steps).fill(0.01);

async function train(session: EngineSession, cuts: readonly number[], data: EncodedData) {
  const losses: number[] = [];
  let from = 0;
  for (const until of [...cuts, steps]) {
    losses.push(...(await session.runSteps(order.slice(from * batchSize, until * batchSize), rates.slice(from, until), from)));
    from = until;
  }
  const result = { losses, state: await session.getState(), logits: await session.logits(data) };
  await session.dispose();
  return result;
}

function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  const largest = Math.max(...Array.from(b, Math.abs));
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]) / largest));
}

const layersImport = "import * as tf from '@tensorflow/tfjs-layers';";
const coreImport = "import * as tf from '@tensorflow/tfjs-core';";

const modules: readonly (readonly [string, FeatureLayout, Task, string])[] = [
  [
    'a sequential model over the features, by the name of the whole package',
    table,
    'binary',
    `import * as tf from '@tensorflow/tfjs';
     export default ({ inputs, outputs, options }) => tf.sequential({ layers: [
       tf.layers.dense({ units: options.units, activation: 'relu', kernelInitializer: 'heNormal', inputShape: inputs.features.shape }),
       tf.layers.layerNormalization(),
       tf.layers.dense({ units: 8, activation: 'tanh' }),
       tf.layers.dense({ units: outputs }),
     ] });`,
  ],
  [
    'a branching model with an embedding, batch normalization, dropout and a frozen layer',
    table,
    'multiclass',
    `${layersImport}
     export default ({ inputs, outputs }) => {
       const numeric = tf.input({ shape: inputs.numeric.shape, name: 'numeric' });
       const categorical = tf.input({ shape: inputs.categorical.shape, name: 'categorical' });
       const size = Math.max(...inputs.categorical.columns.map((column) => column.size));
       const vectors = tf.layers.flatten().apply(tf.layers.embedding({ inputDim: size, outputDim: 4 }).apply(categorical));
       const frozen = tf.layers.dense({ units: 5, trainable: false, activation: 'softsign' }).apply(numeric);
       const joined = tf.layers.concatenate().apply([numeric, vectors, frozen]);
       const wide = tf.layers.dense({ units: 10, activation: 'swish' }).apply(joined);
       const normal = tf.layers.batchNormalization().apply(wide);
       const dropped = tf.layers.dropout({ rate: 0.2 }).apply(normal);
       const sum = tf.layers.add().apply([wide, dropped]);
       return tf.model({ inputs: [numeric, categorical], outputs: tf.layers.dense({ units: outputs }).apply(sum) });
     };`,
  ],
  [
    'a convolutional model',
    images,
    'multiclass',
    `${layersImport}
     export default ({ inputs, outputs }) => tf.sequential({ layers: [
       tf.layers.conv2d({ filters: 4, kernelSize: 3, strides: 2, activation: 'relu', inputShape: inputs.image.shape }),
       tf.layers.batchNormalization(),
       tf.layers.separableConv2d({ filters: 6, kernelSize: 2, padding: 'same', depthMultiplier: 2 }),
       tf.layers.reLU(),
       tf.layers.maxPooling2d({ poolSize: 2, padding: 'same' }),
       tf.layers.dropout({ rate: 0.1 }),
       tf.layers.globalAveragePooling2d({}),
       tf.layers.dense({ units: outputs }),
     ] });`,
  ],
  [
    'a recurrent model',
    numbers,
    'binary',
    `${layersImport}
     export default ({ inputs, outputs }) => tf.sequential({ layers: [
       tf.layers.reshape({ targetShape: [3, 1], inputShape: inputs.numeric.shape }),
       tf.layers.bidirectional({ layer: tf.layers.gru({ units: 4 }), mergeMode: 'concat' }),
       tf.layers.dense({ units: outputs }),
     ] });`,
  ],
  [
    'methods of tensors',
    numbers,
    'binary',
    `export default ({ inputs, outputs }) => ({
       parameters: { w: { shape: [inputs.numeric.shape[0], outputs] } },
       forward: ({ w }, { numeric }) => numeric.matMul(w).add(numeric.square().mean(1, true)).flatten().reshape([-1, outputs]),
     });`,
  ],
  [
    'plain ops with a dropout',
    numbers,
    'regression',
    `${coreImport}
     export default ({ inputs, outputs }) => ({
       parameters: {
         first: { shape: [inputs.numeric.shape[0], 12], initial: 'he' },
         shift: { shape: [12], initial: 'zeros' },
         second: { shape: [12, outputs], initial: Array.from({ length: 12 * outputs }, (_, i) => Math.sin(i)) },
       },
       forward: ({ first, shift, second }, { numeric }, { training, dropout }) => {
         const hidden = tf.softplus(tf.add(tf.matMul(numeric, first), shift));
         return tf.matMul(dropout(hidden, 0.2), second);
       },
     });`,
  ],
];

beforeAll(() => cpuBackend.use());

describe.each(modules)('%s', (_, layout, task, text) => {
  const data = dataOf(layout, task, outputsOf[task]);
  const built = async () => {
    const plan = planOf(await moduleOf(text, { units: 9 }), layout, task);
    return { plan, network: networkOf(plan) };
  };

  test('follows eager tfjs through 50 steps in the compiled engine', async () => {
    const { plan, network } = await built();
    const expected = await train(await openEager(cpuBackend, network, plan, data), [], data);
    const actual = await train(await openCompiled(network, plan, data), [], data);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(2e-4);
    expect(relativeDifference(actual.logits, expected.logits)).toBeLessThan(2e-3);
    expect(relativeDifference(actual.state.parameters, expected.state.parameters)).toBeLessThan(1e-3);
    expect(Math.min(...actual.losses.slice(-5))).toBeLessThan(0.95 * actual.losses[0]);
  });

  test('ends in the same bits however the steps are cut', async () => {
    const { plan, network } = await built();
    const whole = await train(await openCompiled(network, plan, data), [], data);
    expect(await train(await openCompiled(network, plan, data), [1, 17, 30], data)).toEqual(whole);
  });

  test('predicts the same when its recording is replayed after a way through JSON', async () => {
    const { plan, network } = await built();
    const recorded = JSON.parse(JSON.stringify(recordNetwork(network))) as ReturnType<typeof recordNetwork>;
    const replayed = replayNetwork(recorded, layout, network.outputs);
    const session = await openEager(cpuBackend, network, plan, data);
    await session.runSteps(order.slice(0, 5 * batchSize), rates.slice(0, 5), 0);
    const state = await session.getState();
    const again = await openEager(cpuBackend, replayed, plan, data);
    await again.setState(state);
    expect(relativeDifference(await again.logits(data), await session.logits(data))).toBeLessThan(1e-6);
  });
});

describe('a module', () => {
  const dense = (rest: string, start = 'inputShape: inputs.numeric.shape') =>
    `${layersImport} export default ({ inputs, outputs }) => tf.sequential({ layers: [tf.layers.dense({ units: 4, ${start} }), ${rest}] });`;
  const ops = (forward: string, shape = '[3, 1]') =>
    `${coreImport} export default () => ({ parameters: { w: { shape: ${shape} } }, forward: ({ w }, { numeric }, { dropout }) => ${forward} });`;

  test.each([
    [
      'export default () => {\n  throw new Error("out of ideas");\n};',
      'threw while it built the model: out of ideas (net.ts:2:9). Correct the function; the pipeline gives it no options.',
    ],
    ['interface Lines {}\nexport default ({ options }: any) => options.very.deep', "reading 'deep') (net.ts:2:"],
    [dense('tf.layers.dense({ units: outputs.units })'), /but got undefined \(net\.ts:1:\d+\)\. Correct the function/],
    ['export default () => {}', 'returned nothing.'],
    ['export default () => ({})', 'returned an object of another kind.'],
    ['\n\nthrow new Error("not today"); export default 1', 'could not be imported: not today (net.ts:3:7)'],
    [
      `${coreImport} export default () => ({ parameters: { w: { shape: [3, 1] }, unused: { shape: [1] } }, forward: ({ w }, { numeric }) => tf.matMul(numeric, w) });`,
      'has parameters that its result does not depend on, so they cannot be trained: "unused". Use them',
    ],
    [
      'export default () => ({ parameters: {}, forward: (_, { numeric }) => numeric.slice([0, 0], [-1, 1]) });',
      'gives a model without parameters to train',
    ],
    ['export default () => 7', 'returned a number'],
    ['export default async () => ({})', 'returned a promise'],
    ['export default 7', 'exports a number by default'],
    [dense('tf.layers.dense({ units: 2 })'), 'gives float32 [N, 2]. Expected the logits, float32 [N, 1]'],
    [dense('tf.layers.dense({ units: 1, activation: "sigmoid" })'), 'ends with the activation sigmoid'],
    [dense('tf.layers.gaussianNoise({ stddev: 1 }), tf.layers.dense({ units: 1 })'), 'whose random numbers would be the same'],
    [dense('tf.layers.dense({ units: 1, kernelRegularizer: "l1l2" })'), 'has a regularizer in the layer'],
    [dense('tf.layers.dense({ units: 1, kernelConstraint: "nonNeg" })'), 'constrains the weight'],
    [dense('tf.layers.dense({ units: 1 })', 'batchInputShape: [8, 3]'), 'fixes the size of the batch at 8'],
    [dense('tf.layers.dense({ units: 1 })', 'inputShape: [5]'), 'of the shape [N, 5], expected [N, 3]'],
    [ops('tf.matMul(numeric, tf.matMul(w, w))'), /threw in the forward pass: .* \(net\.ts:1:\d+\)/],
    [ops('tf.add(tf.cast(tf.greater(numeric, 0), "float32"), tf.floor(w))'), 'gives float32 [3, 3] for one row'],
    [ops('tf.cast(tf.greater(tf.matMul(numeric, w), 0), "float32")'), 'cannot be differentiated'],
    [
      ops("tf.einsum('ni,io->no', numeric, w)"),
      'cannot be differentiated: it calls tf.einsum, which has no gradient in TensorFlow.js. Write it with operations that have a gradient: tf.matMul, with tf.transpose and tf.reshape around it',
    ],
    [
      ops('tf.stridedSlice(tf.matMul(numeric, w), [0, 0], [Number.MAX_SAFE_INTEGER, 1], [1, 1])'),
      /it calls tf\.stridedSlice, which has no gradient .*: tf\.slice, or tf\.gather where the step is not 1\./,
    ],
    [
      ops('tf.topk(tf.matMul(numeric, w), 1).values'),
      'it calls tf.topk, which has no gradient in TensorFlow.js. Write it with operations that have a gradient.',
    ],
    [ops('tf.matMul(tf.dropout(numeric, 0.5), w)'), 'draws random numbers in the forward pass'],
    [ops('tf.matMul(numeric.sub(numeric.mean(0)), w)'), 'rows of a mini-batch together: it calls tf.mean along them in the forward pass'],
    [ops('tf.matMul(numeric, w).div(numeric.max())'), 'it calls tf.max along them'],
    [ops('tf.matMul(tf.matMul(tf.matMul(numeric, numeric, false, true), numeric), w)'), 'it calls tf.matMul along them'],
    [ops('tf.cumsum(tf.matMul(numeric, w))'), 'it calls tf.cumsum along them'],
    [ops('tf.add(tf.matMul(numeric, w), tf.ones([16, 1]))'), 'gives float32 [16, 1] for one row'],
    [
      ops('tf.matMul(numeric, w).mean(1).arraySync()[0] > 0 ? tf.matMul(numeric, w).tanh() : tf.matMul(numeric, w)'),
      /reads the values of a tensor that it computes \(net\.ts:1:\d+\) in the forward pass\. .* tf\.where/,
    ],
    [ops('tf.matMul(numeric.div(numeric.abs().max(1).dataSync()[0] + 1), w)'), 'reads the values of a tensor that it computes'],
    [ops('tf.matMul(numeric, w)', '[3, 1.5]'), 'the parameter "w" has the shape [3,1.5]'],
    [
      `${coreImport} let calls = 0; export default () => ({ parameters: { w: { shape: [3, 1], initial: [calls++, 0, 0] } }, forward: ({ w }, { numeric }) => tf.matMul(numeric, w) });`,
      'starts its parameter "w" from other numbers each time',
    ],
  ])('is refused: %s', async (text, message) => {
    const building = moduleOf(text).then((model) => networkOf(planOf(model, numbers, 'binary')));
    await expect(building).rejects.toMatchObject({ type: 'InvalidModel' });
    await expect(building).rejects.toThrow(message);
  });

  test('that throws may be given the wrong options, which are said', async () => {
    const model = await moduleOf(
      `${layersImport} export default ({ inputs, options }) => tf.sequential({ layers: [tf.layers.dense({ units: options.units, inputShape: inputs.numeric.shape })] });`,
      { unit: 8 },
    );
    expect(() => networkOf(planOf(model, numbers, 'binary'))).toThrow(
      /but got undefined \(net\.ts:1:\d+\)\. Correct the function, or the options that the pipeline gives it: \{"unit":8\}\./,
    );
  });

  test('starts from the seed of the run, initializers without one included', async () => {
    const model = await moduleOf(dense('tf.layers.dense({ units: 1, kernelInitializer: "truncatedNormal" })'));
    const plan = planOf(model, numbers, 'binary');
    const first = networkOf(plan).initialParameters();
    networkOf({ ...plan, seed: 4 });
    expect(networkOf(plan).initialParameters()).toEqual(first);
    expect(networkOf({ ...plan, seed: 4 }).initialParameters()).not.toEqual(first);
    expect(first.some((value) => value !== 0)).toBe(true);
  });

  test('names kernel and layer where its forward pass has no translation', async () => {
    const model = await moduleOf(ops("tf.tidy('angles', () => tf.atan(tf.matMul(numeric, w)))"));
    expect(() => recordNetwork(networkOf(planOf(model, numbers, 'binary')))).toThrow(
      'uses tf.atan (the TensorFlow.js kernel "Atan") in layer "angles", which has no translation',
    );
  });

  test('names the layer of a layers model where its kernel has no translation', async () => {
    const text = `import { sequential, layers } from '@tensorflow/tfjs-layers'; import { atan } from '@tensorflow/tfjs-core';
      class Angle extends layers.Layer { static className = 'Angle'; call(inputs) { return atan(Array.isArray(inputs) ? inputs[0] : inputs); } }
      export default ({ inputs, outputs }) => sequential({ layers: [layers.dense({ units: outputs, inputShape: inputs.numeric.shape }), new Angle({ name: 'corner' })] });`;
    expect(await moduleOf(text).then((model) => () => recordNetwork(networkOf(planOf(model, numbers, 'binary'))))).toThrow(
      'tf.atan (the TensorFlow.js kernel "Atan") in layer "corner"',
    );
  });

  test('is opened by every engine as the families are', async () => {
    const plan = planOf(await moduleOf(dense('tf.layers.dense({ units: outputs })')), numbers, 'binary');
    const data = dataOf(numbers, 'binary', 1);
    const results = [];
    for (const engine of [tfjsCpuEngine, onnxruntimeEngine]) results.push(await train(await engine.open(plan, data), [], data));
    expect(relativeDifference(results[1].logits, results[0].logits)).toBeLessThan(1e-3);
  });

  test('leaves Math.random and the backend of TensorFlow.js as they were', async () => {
    const { random: before } = Math;
    cpuBackend.activate();
    networkOf(planOf(await moduleOf(dense('tf.layers.dense({ units: outputs })')), numbers, 'regression'));
    expect(Math.random).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
  });
});
