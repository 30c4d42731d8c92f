import * as tf from '@tensorflow/tfjs-core';
import { LayersModel } from '@tensorflow/tfjs-layers';
import { canonicalJson } from '../../../contracts/canonical-json.js';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import { AnnealError } from '../../../contracts/failures.js';
import type { ModuleModelSpec, Task } from '../../../contracts/pipeline.js';
import { freePrime, recordForward } from '../../graph/lower-network.js';
import { type Tape, ValuesReadError } from '../../graph/tape.js';
import type { Network, NetworkParameter } from '../network.js';
import { layersNetwork, shapeText } from './layers-network.js';
import { loadedModule } from './load-module.js';
import { modelContext } from './model-context.js';
import { missingGradient } from './missing-gradient.js';
import { messageOf, moduleFailure, problemOf } from './module-failure.js';
import { isOpsModel, opsNetwork } from './ops-network.js';
import { mixesRows } from './row-dependence.js';
import { watchMathRandom, withSeededMathRandom } from './seeded-math-random.js';

/** Keys for so many dropouts are given while the network is looked at. */
const mostDropouts = 256;

let newest: { readonly key: string; readonly network: Network } | undefined;

/**
 * The network of a user's module, which `loadModule` has loaded.
 *
 * The function is called twice: both must start from the same parameters. Its forward pass is recorded, to see what it makes, what
 * it drops, and that it draws no random numbers of its own. The newest network is kept.
 *
 * @throws AnnealError `InvalidModel` when the function throws, gives no model, or one that cannot train here
 */
export function buildModuleNetwork(spec: ModuleModelSpec, layout: FeatureLayout, outputs: number, seed: number, task: Task): Network {
  const key = canonicalJson({ spec, layout, outputs, seed, task });
  if (newest?.key !== key) newest = { key, network: build(spec, layout, outputs, seed, task) };
  return newest.network;
}

function build(spec: ModuleModelSpec, layout: FeatureLayout, outputs: number, seed: number, task: Task): Network {
  const create = (): Network => {
    try {
      return onCpu(() => withSeededMathRandom(seed, () => createNetwork(spec, layout, outputs, seed, task)));
    } catch (error) {
      if (error instanceof AnnealError) throw error;
      throw moduleFailure(spec.module, `gives a model that cannot train here: it ${messageOf(error)}`, 'Change the model.', error);
    }
  };
  const [network, again] = [create(), create()];
  const place = differentParameter(network, again);
  if (place !== undefined)
    throw moduleFailure(
      spec.module,
      `starts its parameter "${place}" from other numbers each time that it is called`,
      'A run must be repeatable: let the initializers draw by themselves or with a seed, and take no numbers from the clock or from elsewhere.',
    );
  return inspect(spec, network);
}

function createNetwork(spec: ModuleModelSpec, layout: FeatureLayout, outputs: number, seed: number, task: Task): Network {
  const context = modelContext(spec, layout, outputs, seed, task);
  let model: unknown;
  try {
    model = loadedModule(spec)(context);
  } catch (error) {
    if (error instanceof AnnealError) throw error;
    throw moduleFailure(spec.module, `threw while it built the model: ${problemOf(error, spec.module)}`, correction(spec), error);
  }
  if (model instanceof LayersModel) return layersNetwork(model, context, layout, outputs, seed);
  if (isOpsModel(model)) return opsNetwork(model, layout, outputs, seed);
  const found =
    model === undefined
      ? 'nothing'
      : model === null
        ? 'null'
        : model instanceof Promise
          ? 'a promise'
          : typeof model === 'object'
            ? 'an object of another kind'
            : `a ${typeof model}`;
  throw moduleFailure(
    spec.module,
    `returned ${found}`,
    'Expected what tf.sequential or tf.model give, or an object with parameters and a forward function, and no promise of it.',
  );
}

/** A function that throws may be right, and what it is given wrong. */
function correction({ options }: ModuleModelSpec): string {
  const text = JSON.stringify(options);
  return Object.keys(options).length === 0
    ? 'Correct the function; the pipeline gives it no options.'
    : `Correct the function, or the options that the pipeline gives it: ${text.length > 200 ? `${text.slice(0, 197)}…` : text}.`;
}

/** @returns name of the first parameter in which the networks differ */
function differentParameter(a: Network, b: Network): string | undefined {
  const [first, second] = [a.initialParameters(), b.initialParameters()];
  return a.parameters.find(
    ({ offset, size }, i) =>
      b.parameters[i]?.size !== size || first.subarray(offset, offset + size).some((value, j) => !Object.is(value, second[offset + j])),
  )?.name;
}

function inspect({ module }: ModuleModelSpec, network: Network): Network {
  const record = (batch: number, training?: Parameters<typeof recordForward>[2]): Tape => {
    try {
      return recordForward(network, batch, training);
    } catch (error) {
      if (error instanceof AnnealError) throw error;
      if (error instanceof ValuesReadError)
        throw moduleFailure(
          module,
          `${problemOf(error, module)} in the forward pass`,
          'The pass is recorded once, with numbers that mean nothing, and repeated as it was recorded. Compute with tensors alone: tf.where instead of an if, a scalar tensor instead of its number.',
          error,
        );
      throw moduleFailure(module, `threw in the forward pass: ${problemOf(error, module)}`, 'Correct the model.', error);
    }
  };
  if (network.trainedCount === 0)
    throw moduleFailure(
      module,
      'gives a model without parameters to train',
      'Give it layers with weights that are trainable, or entries in "parameters" that the forward function reads.',
    );
  // Of one row, no length is the batch's, so what is found belongs to the network.
  const single = record(1);
  const { shape, dtype } = single.values[single.outputs.logits];
  if (shape.join() !== `1,${network.outputs}` || dtype !== 'float32')
    throw moduleFailure(
      module,
      shape[0] === 1 ? `gives ${dtype} [${shapeText([null, ...shape.slice(1)])}]` : `gives ${dtype} [${shapeText(shape)}] for one row`,
      `Expected the logits, float32 [N, ${network.outputs}]. The context's "outputs" says how many there must be.`,
    );
  const isImage = network.layout.image !== undefined;
  const standIn = freePrime(
    single.values.flatMap(({ shape: of }) => [...of, sizeOf(of)]).filter((length) => length > 0),
    isImage,
  );
  const mixing = mixesRows(record(standIn), standIn);
  if (mixing !== undefined)
    throw moduleFailure(
      module,
      `computes with all rows of a mini-batch together: it calls ${mixing} along them in the forward pass`,
      'What is predicted for a row would depend on the rows beside it. Work along the other dimensions, of one row at a time.',
    );
  const { result: trainings, isAsked } = watchMathRandom(() =>
    [0, 1].map(() => record(3, { keys: 2 * mostDropouts, pass: (keys) => ({ keys, gather: (_, next) => void tf.keep(next) }) })),
  );
  const [drawn] = trainings.map(dropoutsOf);
  if (isAsked || drawsItself(trainings[0], trainings[1]))
    throw moduleFailure(
      module,
      'draws random numbers in the forward pass',
      'They would be the same in every step of the compiled engine. Use a dropout layer, or the helper "dropout" that a forward function is given.',
    );
  tryGradient(module, network);
  return {
    ...network,
    dropoutLayers: drawn,
    widestImage: isImage ? Math.max(...single.values.filter(({ shape: of }) => of.length === 4).map(({ shape: of }) => sizeOf(of))) : 0,
    standIn,
  };
}

/** Some operations of TensorFlow.js have no gradient, or not with every attribute; better said now than by the engine. */
function tryGradient(module: string, network: Network): void {
  try {
    recordGradient(network, () => true);
  } catch (error) {
    const unused = messageOf(error).startsWith('Cannot compute gradient of y=f(x)') ? parametersWithoutGradient(network) : [];
    if (unused.length > 0)
      throw moduleFailure(
        module,
        `has parameters that its result does not depend on, so they cannot be trained: ${unused.map((name) => JSON.stringify(name)).join(', ')}`,
        'Use them in the forward pass by operations that have a gradient, or leave them out.',
        error,
      );
    const { problem, remedy } = missingGradient(error) ?? {
      problem: problemOf(error, module),
      remedy: 'Write it with operations that have a gradient.',
    };
    throw moduleFailure(module, `cannot be differentiated: ${problem}`, remedy, error);
  }
}

/** @returns names, as the user gave them */
function parametersWithoutGradient(network: Network): string[] {
  const trained = network.parameters.filter(({ offset }) => offset < network.trainedCount);
  return trained
    .filter((parameter) => {
      try {
        recordGradient(network, (each) => each === parameter);
        return false;
      } catch {
        return true;
      }
    })
    .map(({ name }) => name.replace(/^\d+\//, ''));
}

/** @param isWanted of which parameters among those that train */
function recordGradient(network: Network, isWanted: (parameter: NetworkParameter) => boolean): void {
  recordForward(
    {
      ...network,
      forward: (parameters, inputs) => {
        const isGiven = network.parameters.map((parameter) => parameter.offset < network.trainedCount && isWanted(parameter));
        const given = parameters.filter((_, i) => isGiven[i]);
        const gradients = tf.grads((...variables) => {
          const left = [...variables];
          return tf.sum(
            network.forward(
              parameters.map((parameter, i) => (isGiven[i] ? left.shift()! : parameter)),
              inputs,
            ),
          );
        })(given);
        return tf.concat1d(gradients.map((gradient) => tf.reshape(gradient, [-1]) as tf.Tensor1D)) as unknown as tf.Tensor2D;
      },
    },
    2,
  );
}

function dropoutsOf({ calls }: Tape): number {
  return calls.filter(({ kernel }) => kernel === 'AnnealDropoutMask').length;
}

/** Two recordings of one pass hold the same constants, unless something in it draws. */
function drawsItself(a: Tape, b: Tape): boolean {
  return a.values.some(({ constant }, i) => constant?.some((value, j) => !Object.is(value, b.values[i]?.constant?.[j])));
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

function onCpu<T>(run: () => T): T {
  const previous = tf.getBackend() || 'cpu';
  void tf.setBackend('cpu');
  try {
    return run();
  } finally {
    void tf.setBackend(previous);
  }
}
