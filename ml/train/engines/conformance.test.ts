import { describe, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { ModelSpec, Task } from '../../../contracts/pipeline.js';
import { networkOf } from '../../models/build-network.js';
import { statisticsOf } from '../../models/network.js';
import { createRandom } from '../../models/random.js';
import type { AugmentationPlan } from '../augmentation/augmentation-plan.js';
import { stateNames } from '../checkpoint/engine-state.js';
import type { EncodedData, EngineSession, EngineState, StepPlan, TrainingEngine } from '../engine.js';
import { engines } from './index.js';
import { openInLanes, openLaneLoop } from './lanes/open-in-lanes.js';
import { onnxruntimeEngine } from './onnxruntime.js';
import { tfjsCpuEngine } from './tfjs.js';

/**
 * What every engine must do. The oracle is eager tfjs on its plain JavaScript backend: after 1 and after 50 steps parameters,
 * moments, losses and logits agree within these fractions of the vector's largest element.
 */
const tolerances = { afterOne: 1e-5, afterFifty: 2e-4 };

const layout: FeatureLayout = {
  categorical: [
    { name: 'origin', size: 7, dimension: 'auto' },
    { name: 'hour', size: 9, dimension: 3 },
    { name: 'carrier', size: 5, dimension: 'auto', encoding: 'one-hot' },
  ],
  numeric: ['distance', 'delay', 'wind'],
};

const rows = 200;
const batchSize = 16;
const steps = 50;

function makeData(task: Task, outputs: number): EncodedData {
  const random = createRandom(11);
  const columns = layout.categorical.length;
  const categorical = Int32Array.from({ length: rows * columns }, (_, i) => Math.floor(random() * layout.categorical[i % columns].size));
  const numeric = Float32Array.from({ length: rows * 3 }, () => random() * 4 - 2);
  const target = Float32Array.from({ length: rows }, (_, row) => {
    const score = numeric[row * 3] + 0.3 * categorical[row * columns] - 1 + random();
    if (task === 'regression') return score;
    if (task === 'multilabel') return Number(score > 0) + 2 * Number(numeric[row * 3 + 1] > 0.5) + 4 * Number(random() > 0.7);
    return task === 'binary' ? Number(score > 0) : Math.min(outputs - 1, Math.max(0, Math.floor(score + 1)));
  });
  return { rows, categorical, numeric, target };
}

const families: readonly ModelSpec[] = [
  { family: 'linear' },
  { family: 'mlp', hidden: [12, 8], activation: 'tanh' },
  { family: 'mlp', hidden: [9], activation: 'elu' },
  { family: 'wide-and-deep', hidden: [12, 8], activation: 'relu', embeddingScale: 1.5 },
  { family: 'wide-and-deep', hidden: [10], activation: 'sigmoid', embeddingScale: 1 },
  { family: 'mlp', hidden: [12, 8], activation: 'relu', normalization: 'layer' },
  { family: 'mlp', hidden: [10, 10, 6], activation: 'elu', residual: true },
  { family: 'mlp', hidden: [12, 8], activation: 'tanh', dropout: 0.3 },
  {
    family: 'wide-and-deep',
    hidden: [12, 12],
    activation: 'tanh',
    embeddingScale: 1,
    dropout: 0.1,
    normalization: 'layer',
    residual: true,
  },
];
const tasks: readonly { readonly task: Task; readonly outputs: number; readonly classWeights?: number[] }[] = [
  { task: 'binary', outputs: 1, classWeights: [0.6, 1.9] },
  { task: 'multiclass', outputs: 4, classWeights: [0.5, 1, 1.5, 2] },
  { task: 'regression', outputs: 1 },
];

function makePlan(model: ModelSpec, task: (typeof tasks)[number], overrides: Partial<StepPlan> = {}): StepPlan {
  return {
    model,
    layout,
    ...task,
    batchSize,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.05 },
    seed: 3,
    threads: 2,
    ...overrides,
  };
}

const random = createRandom(17);
/** Drawn with replacement, so that a batch holds a row, and a category, several times. */
const order = Int32Array.from({ length: steps * batchSize }, () => Math.floor(random() * rows));
const learningRates = Float32Array.from({ length: steps }, (_, i) => 0.02 * (1 - i / steps));

interface Trajectory {
  readonly initial: EngineState;
  readonly afterOne: EngineState;
  readonly afterFifty: EngineState;
  readonly losses: Float32Array;
  readonly logits: Float32Array;
}

async function follow(engine: TrainingEngine, plan: StepPlan, data: EncodedData): Promise<Trajectory> {
  const session = await engine.open(plan, data);
  try {
    const initial = await session.getState();
    const first = await run(session, 0, 1, plan.batchSize);
    const afterOne = await session.getState();
    const rest = await run(session, 1, steps, plan.batchSize);
    const losses = Float32Array.from([...first, ...rest]);
    return { initial, afterOne, afterFifty: await session.getState(), losses, logits: await session.logits(data) };
  } finally {
    await session.dispose();
  }
}

const known = new Map<string, Promise<Trajectory>>();

/** As `follow`, but once for each label and plan. */
function followOnce(label: string, engine: TrainingEngine, plan: StepPlan, data: EncodedData): Promise<Trajectory> {
  const key = JSON.stringify([label, plan]);
  let trajectory = known.get(key);
  if (!trajectory) known.set(key, (trajectory = follow(engine, plan, data)));
  return trajectory;
}

function oracle(plan: StepPlan, data: EncodedData): Promise<Trajectory> {
  return followOnce('oracle', tfjsCpuEngine, plan, data);
}

function run(session: EngineSession, from: number, until: number, size = batchSize): Promise<Float32Array> {
  return session.runSteps(order.slice(from * size, until * size), learningRates.slice(from, until), from);
}

/** @returns largest |a − b| as a fraction of the largest |b|; NaN counts as infinitely far */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  const largest = b.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return a.reduce((max, value, i) => (Number.isNaN(value - b[i]) ? Infinity : Math.max(max, Math.abs(value - b[i]) / largest)), 0);
}

function expectClose(a: EngineState, b: EngineState, tolerance: number): void {
  expect(Object.keys(a)).toEqual(Object.keys(b));
  for (const name of stateNames) if (b[name]) expect(relativeDifference(a[name]!, b[name])).toBeLessThan(tolerance);
}

const cases = families.flatMap((model) =>
  tasks.map((task) => ({ plan: makePlan(model, task), label: `${describeModel(model)}, ${task.task}` })),
);
cases.push({
  plan: makePlan(
    families[3],
    { task: 'binary', outputs: 1 },
    { optimizer: { beta1: 0.8, beta2: 0.99, epsilon: 1e-3, weightDecay: 0 }, batchSize: 1, threads: 1 },
  ),
  label: 'wide-and-deep, batches of one row, no class weights, no weight decay',
});

const augmentation: AugmentationPlan = {
  jitter: [0.3, 0, 0.5],
  featureDropout: { rate: 0.2, fill: [0.1, null, -0.2] },
  mixup: 0.4,
};
const options: readonly Partial<StepPlan>[] = [
  { loss: { kind: 'focal', gamma: 2 }, labelSmoothing: 0.1 },
  { augmentation, loss: { kind: 'focal', gamma: 1.5 } },
  { loss: { kind: 'huber', delta: 0.5 }, augmentation },
  { loss: { kind: 'absolute' } },
];
for (const option of options) {
  const isForValues = option.loss?.kind === 'huber' || option.loss?.kind === 'absolute';
  for (const task of tasks.filter((each) => (each.task === 'regression') === isForValues))
    cases.push({ plan: makePlan(families.at(-1)!, task, option), label: `${JSON.stringify(option)}, ${task.task}` });
}

cases.push(
  { plan: makePlan(families[3], { task: 'multilabel', outputs: 3 }), label: 'wide-and-deep, three labels' },
  { plan: makePlan(families[3], { task: 'multilabel', outputs: 3 }, { augmentation: { mixup: 0.4 } }), label: 'three labels, mixed' },
);
cases.push({
  plan: makePlan(families[3], { task: 'regression', outputs: 3 }, { loss: { kind: 'quantile', quantiles: [0.1, 0.5, 0.9] } }),
  label: 'wide-and-deep, three quantiles',
});

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 };
const optimizers: readonly StepPlan['optimizer'][] = [
  { ...adam, kind: 'adam', weightDecay: 0.02 },
  { ...adam, weightDecay: 0.3, weightDecayOf: 'matrices', clipNorm: 0.5, averageDecay: 0.9 },
  { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.01, weightDecayOf: 'matrices', clipValue: 0.05 },
  { kind: 'sgd', momentum: 0.8, nesterov: true, weightDecay: 0.01, clipValue: 0.2, clipNorm: 0.3, averageDecay: 0.99 },
];
for (const optimizer of optimizers)
  cases.push({ plan: makePlan(families[5], tasks[0], { optimizer }), label: `optimizer ${JSON.stringify(optimizer)}` });

const activations = ['gelu', 'silu', 'selu', 'leaky-relu', 'softplus'] as const;
for (const activation of activations) {
  const model: ModelSpec = { family: 'mlp', hidden: [10, 8], activation };
  cases.push({ plan: makePlan(model, tasks[2]), label: describeModel(model) });
}

const batchNormalized: ModelSpec = {
  family: 'mlp',
  hidden: [12, 8],
  activation: 'relu',
  normalization: 'batch',
  dropout: 0.1,
  residual: true,
};
cases.push(
  { plan: makePlan(batchNormalized, tasks[0]), label: describeModel(batchNormalized) },
  { plan: makePlan(batchNormalized, tasks[1], { optimizer: optimizers[4] }), label: `${describeModel(batchNormalized)}, averaged` },
);

function describeModel(model: ModelSpec): string {
  if (model.family === 'linear' || model.family === 'module') return model.family;
  const { activation, dropout, normalization, residual } = model;
  return `${model.family} (${[activation, dropout && `dropout ${dropout}`, normalization && `${normalization} normalization`, residual && 'residual'].filter(Boolean).join(', ')})`;
}

const unavailable = new Map<string, string | undefined>();
for (const engine of engines) unavailable.set(engine.name, await engine.unavailable());

const inLanesLabel = 'onnxruntime in two lanes';
/** The mini-batches of this suite are too small for it to divide them by itself. A second thread is another suite's: the bits are the same. */
const inLanes: TrainingEngine = {
  ...onnxruntimeEngine,
  open: (plan, data) => (isDivisible(plan) ? openInLanes(networkOf(plan), plan, data, 2, 1) : onnxruntimeEngine.open(plan, data)),
};

function isDivisible(plan: StepPlan): boolean {
  return plan.batchSize > 1 && statisticsOf(networkOf(plan)).length === 0;
}

describe.each([
  ...engines.filter(({ name }) => name !== tfjsCpuEngine.name).map((engine) => [engine.name, engine] as const),
  [inLanesLabel, inLanes] as const,
])('engine %s', (name, engine) => {
  const reason = unavailable.get(name);
  if (reason !== undefined) {
    test('says how to get it where it cannot be used, and refuses to open', async () => {
      process.stderr.write(`The conformance suite leaves ${name} out: ${reason}\n`);
      expect(reason).toMatch(/npm run build:tfjs-native|onnxruntime's CUDA provider/);
      await expect(engine.open(makePlan(families[0], tasks[0]), makeData('binary', 1))).rejects.toThrow(reason);
    });
    return;
  }

  test.each(cases)('follows eager tfjs through 50 steps: $label', async ({ plan }) => {
    const data = makeData(plan.task, plan.outputs);
    const expected = await oracle(plan, data);
    const actual = await followOnce(name, engine, plan, data);
    expect(actual.initial).toEqual(expected.initial);
    expectClose(actual.afterOne, expected.afterOne, tolerances.afterOne);
    expectClose(actual.afterFifty, expected.afterFifty, tolerances.afterFifty);
    expect(relativeDifference(actual.losses, expected.losses)).toBeLessThan(tolerances.afterFifty);
    expect(relativeDifference(actual.logits, expected.logits)).toBeLessThan(tolerances.afterFifty);
    // The loss of single rows, and of rows that change, goes up and down.
    if (plan.batchSize === 1 || plan.augmentation) return;
    expect(actual.losses.slice(-10).reduce((sum, loss) => sum + loss)).toBeLessThan(
      actual.losses.slice(0, 10).reduce((sum, loss) => sum + loss),
    );
  });

  test.each([
    ['', families[3], {}],
    [', with dropout', families.at(-1)!, {}],
    [', with augmentation and dropout', families.at(-1)!, { augmentation, labelSmoothing: 0.1 }],
    [', with running statistics and an average of the weights', batchNormalized, { optimizer: optimizers[1] }],
    [', with momentum', families[3], { optimizer: optimizers[4] }],
    [', without a carried vector', families[3], { optimizer: optimizers[2] }],
  ])('gives the same bits in one call and in several, and after its state was set%s', async (_, model, option) => {
    const plan = makePlan(model, tasks[0], option);
    const data = makeData('binary', 1);
    const whole = await engine.open(plan, data);
    const losses = await run(whole, 0, steps);
    const parts = await engine.open(plan, data);
    const first = await run(parts, 0, 20);
    const resumed = await engine.open({ ...plan }, data);
    await resumed.setState(await parts.getState());
    const rest = await run(resumed, 20, steps);
    expect(Float32Array.from([...first, ...rest])).toEqual(losses);
    expect(await resumed.getState()).toEqual(await whole.getState());
    expect(await resumed.logits(data)).toEqual(await whole.logits(data));
    for (const session of [whole, parts, resumed]) await session.dispose();
  });

  test('trains on categories alone, and on numbers alone', async () => {
    const data = makeData('binary', 1);
    const plan = makePlan(families[3], tasks[0]);
    const withoutNumbers = { ...plan, layout: { categorical: layout.categorical, numeric: [] } };
    const withoutCategories = { ...plan, layout: { categorical: [], numeric: layout.numeric } };
    for (const part of [withoutNumbers, withoutCategories]) {
      const expected = await oracle(part, data);
      expectClose((await follow(engine, part, data)).afterFifty, expected.afterFifty, tolerances.afterFifty);
    }
  });

  test('predicts by the average of the weights, where one is kept', async () => {
    const data = makeData('binary', 1);
    const session = await engine.open(makePlan(families[3], tasks[0], { optimizer: optimizers[1] }), data);
    await run(session, 0, 20);
    const state = await session.getState();
    const logits = await session.logits(data);
    await session.setState({ ...state, parameters: state.average! });
    expect(await session.logits(data)).toEqual(logits);
    await session.setState({ ...state, average: state.parameters });
    expect(await session.logits(data)).not.toEqual(logits);
    await session.dispose();
  });

  test('neither augments nor smooths what it predicts without training', async () => {
    const data = makeData('binary', 1);
    const [plain, augmented] = await Promise.all(
      [{}, { augmentation }].map((option) => engine.open(makePlan(families[3], tasks[0], option), data)),
    );
    expect(await augmented.logits(data)).toEqual(await plain.logits(data));
    const losses = await Promise.all([plain, augmented].map((session) => run(session, 0, 1)));
    expect(losses[1]).not.toEqual(losses[0]);
    for (const session of [plain, augmented]) await session.dispose();
  });

  test('opens and trains beside sessions of the other engines in the same process', async () => {
    const plan = makePlan(families[0], tasks[0]);
    const data = makeData('binary', 1);
    const usable = engines.filter((other) => unavailable.get(other.name) === undefined);
    const sessions = await Promise.all([engine, ...usable].map((each) => each.open(plan, data)));
    const [losses, ...others] = await Promise.all(sessions.map((session) => run(session, 0, 5)));
    for (const other of others) expect(relativeDifference(other, losses)).toBeLessThan(tolerances.afterFifty);
    const [state, ...otherStates] = await Promise.all(sessions.map((session) => session.getState()));
    for (const other of otherStates) expectClose(other, state, tolerances.afterFifty);
    for (const session of sessions) await session.dispose();
  });

  test('reports NaN when the loss diverges', async () => {
    const plan = makePlan({ family: 'mlp', hidden: [8], activation: 'relu' }, tasks[2]);
    const data = makeData('regression', 1);
    const session = await engine.open(plan, data);
    const losses = await session.runSteps(order, new Float32Array(steps).fill(1e30), 0);
    expect(losses.at(-1)).toBeNaN();
    await session.dispose();
  });

  test('refuses rows that do not fill the steps, and a state of another size', async () => {
    const session = await engine.open(makePlan(families[0], tasks[0]), makeData('binary', 1));
    await expect(session.runSteps(new Int32Array(3), new Float32Array(1), 0)).rejects.toThrow('1 steps need 16 rows, 3 were given');
    const wrong = { parameters: new Float32Array(1), firstMoment: new Float32Array(1), secondMoment: new Float32Array(1) };
    await expect(session.setState(wrong)).rejects.toThrow("the state's parameters has 1 elements");
    expect(await session.runSteps(new Int32Array(0), new Float32Array(0), 0)).toHaveLength(0);
    await session.dispose();
  });

  test('refuses data with an index outside its feature', async () => {
    const data = makeData('binary', 1);
    data.categorical![layout.categorical.length * 5] = 7;
    await expect(engine.open(makePlan(families[0], tasks[0]), data)).rejects.toThrow(
      'In row 5 of the encoded data the index of feature "origin" is 7, expected a whole number from 0 to 6',
    );
  });
});

test.each(cases.filter(({ plan }) => isDivisible(plan)))(
  'two lanes in one graph end in the bits of those that threads share: $label',
  async ({ plan }) => {
    const data = makeData(plan.task, plan.outputs);
    const looped: TrainingEngine = { ...onnxruntimeEngine, open: () => openLaneLoop(networkOf(plan), plan, data, 2) };
    expect(await follow(looped, plan, data)).toEqual(await followOnce(inLanesLabel, inLanes, plan, data));
  },
);
