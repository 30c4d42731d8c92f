import { z } from 'zod';
import { augmentationSpec } from './augmentation.js';
import { trainingEngines } from './training-engines.js';

/** What a training step minimizes. The first two are for classes, the others for a value. */
const lossSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cross-entropy') }),
  /** A row counts (1 − p)^gamma of its cross-entropy, p the probability of its class: what is learnt already counts little. */
  z.strictObject({
    kind: z.literal('focal'),
    gamma: z.number().min(0).max(10).default(2),
    /** Binary: weight of the positive class, 1 − alpha that of the negative one; default: both weigh 1. */
    alpha: z.number().gt(0).lt(1).optional(),
  }),
  z.strictObject({ kind: z.literal('squared') }),
  /** Squared up to an error of `delta` standard deviations of the target, linear beyond. */
  z.strictObject({ kind: z.literal('huber'), delta: z.number().gt(0).max(1000).default(1) }),
  z.strictObject({ kind: z.literal('absolute') }),
  /** The pinball loss: the model predicts these quantiles of the target, the median among them. */
  z.strictObject({ kind: z.literal('quantile'), quantiles: z.array(z.number().gt(0).lt(1)).min(1).max(32).default([0.1, 0.5, 0.9]) }),
]);

/** Which rows an epoch visits, drawn anew in each; the training part only. */
const samplingSpec = z.strictObject({
  /** `oversample`: rows of the rare classes come more than once; `undersample`: rows of the frequent ones are left out. */
  kind: z.enum(['oversample', 'undersample']),
  /** Rows of a rare class for each row of the most frequent one (undersample: the reverse) that an epoch has at least. */
  ratio: z.number().gt(0).max(1).default(1),
});

const adamMoments = {
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  epsilon: z.number().gt(0).max(1).default(1e-7),
};
const warmupSteps = z.int().min(0).max(10_000_000).optional();

/** How the gradients become steps. */
const optimizerSpec = z.discriminatedUnion('kind', [
  /** Adam with decoupled weight decay; the default. */
  z.strictObject({ kind: z.literal('adamw'), ...adamMoments }),
  /** Adam as it was published: the weight decay is added to the gradient, as the derivative of a penalty. */
  z.strictObject({ kind: z.literal('adam'), ...adamMoments }),
  /** Stochastic gradient descent; the weight decay is added to the gradient. */
  z.strictObject({
    kind: z.literal('sgd'),
    momentum: z.number().min(0).lt(1).default(0.9),
    /** Nesterov's momentum: the gradient counts as if it was taken one step ahead. */
    nesterov: z.boolean().default(false),
  }),
]);

/** How the learning rate changes. The first steps may rise to it (`warmupSteps`). */
const scheduleSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), warmupSteps }),
  /** Half a cosine down to `final` times the rate. Default `warmupSteps`: 5 % of the steps, at most 200. */
  z.strictObject({ kind: z.literal('cosine'), warmupSteps, final: z.number().min(0).max(1).default(0) }),
  /** Times `factor` after each `everyEpochs` epochs. */
  z.strictObject({
    kind: z.literal('step'),
    warmupSteps,
    everyEpochs: z.number().gt(0).max(10_000),
    factor: z.number().gt(0).lt(1).default(0.1),
  }),
]);

/** Bounds of what a step may follow; by value first, then by the norm. */
const gradientClippingSpec = z.strictObject({
  /** A gradient over all parameters that is longer is shortened to this length. */
  norm: z.number().gt(0).max(1e6).optional(),
  /** Each element is moved into ±value. */
  value: z.number().gt(0).max(1e6).optional(),
});

export { type NamedEngine, trainingEngines } from './training-engines.js';

export const trainingSpec = z.strictObject({
  engine: z.enum(['auto', ...trainingEngines]).default('auto'),
  epochs: z.int().min(1).max(10_000).default(20),
  batchSize: z.int().min(1).max(1_048_576).default(256),
  learningRate: z.number().gt(0).max(10).default(0.002),
  schedule: z.union([z.enum(['cosine', 'constant']), scheduleSpec]).default('cosine'),
  /** Pulls parameters towards zero; how, is the optimizer's business (AdamW: decoupled from the gradient). */
  weightDecay: z.number().min(0).max(1).default(0),
  /** `balanced`: each class weighs N / (classes · N_class); or a weight by the class's name, 1 where none is given. Classification only. */
  classWeights: z.union([z.enum(['balanced', 'none']), z.record(z.string(), z.number().gt(0).max(1e6))]).default('none'),
  // A training that leaves the following out keeps the digest that it had before they were there.
  /** Default: AdamW. */
  optimizer: optimizerSpec.optional(),
  /** `matrices`: weights and embeddings alone, not what is added or scales after them; default `all` parameters. */
  weightDecayOf: z.enum(['all', 'matrices']).optional(),
  /** Default: gradients are followed as they are. */
  gradientClipping: gradientClippingSpec.optional(),
  /** Validate and export an exponential moving average of the weights; `decay` of the average in each step, less in the first ones. */
  weightAveraging: z.strictObject({ decay: z.number().gt(0).lt(1).default(0.999) }).optional(),
  /** Default `none`: an epoch visits every row once. Classification only. */
  sampling: z.union([z.literal('none'), samplingSpec]).optional(),
  /** Default `cross-entropy`, and `squared` for a regression. */
  loss: lossSpec.optional(),
  /** Share of each label that is spread evenly over all classes, against labels that are wrong; default 0. Classification only. */
  labelSmoothing: z.number().min(0).max(0.5).optional(),
  /** Default: rows train as they are. */
  augmentation: augmentationSpec.optional(),
  /** Encoded training rows of more MB than that are read from the disk, a part at a time, instead of held in memory; default 512. */
  residentMegabytes: z.number().gt(0).max(1e6).optional(),
  earlyStopping: z.strictObject({ patience: z.int().min(1).default(2), minDelta: z.number().min(0).default(0.0005) }).optional(),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  /** Upper bound of a chunk of steps between two checkpoints, in seconds of wall time. */
  checkpointEverySeconds: z.number().gt(0).max(600).default(1),
});

export type GradientClippingSpec = z.output<typeof gradientClippingSpec>;
export type LossSpec = z.output<typeof lossSpec>;
export type OptimizerSpec = z.output<typeof optimizerSpec>;
export type SamplingSpec = z.output<typeof samplingSpec>;
export type TrainingSpec = z.output<typeof trainingSpec>;
export type ScheduleSpec = TrainingSpec['schedule'];

export { quantilesOf } from './primary-metric.js';
