import { z } from 'zod';
import { AnnealError, failureTypes } from './failures.js';
import { modelOutputs } from './model.js';

/**
 * A pipeline definition is plain JSON: it crosses process boundaries, it is the input of the workflow,
 * it is stored with the run. `definePipeline` checks it and fills the defaults in.
 */

const pipelineName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use lower-case letters, digits and hyphens, at most 63 characters');
const columnName = z.string().min(1).max(128);
const isoDate = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?)?$/, 'use an ISO 8601 date or date-time, in UTC');
/** A SQL scalar expression over the raw columns, in DuckDB's dialect. The author of the pipeline is trusted with it. */
const sqlExpression = z.string().min(1).max(2000);

const sourceSpec = z.strictObject({
  format: z.enum(['parquet', 'csv', 'json']),
  /**
   * Where the data are: a file path (the command takes a relative one from the folder where it is called), `file://…`, or
   * `npm:<package>/<path>` for a file that an installed npm package ships.
   */
  uri: z.string().min(1),
});

const columnSpec = z.strictObject({
  type: z.enum(['string', 'integer', 'float', 'boolean', 'timestamp']),
  /** Whether missing values are expected; in a column that is not nullable they break a rule. */
  nullable: z.boolean().default(false),
  min: z.union([z.number(), isoDate]).optional(),
  max: z.union([z.number(), isoDate]).optional(),
  allowed: z.array(z.string()).min(1).optional(),
  /** What happens to a row that breaks this column's rules. */
  onViolation: z.enum(['quarantine', 'fail', 'warn']).default('quarantine'),
});

const targetSpec = z.discriminatedUnion('task', [
  z.strictObject({
    task: z.literal('binary'),
    name: columnName,
    /** Boolean SQL expression; true is the positive class. */
    expression: sqlExpression,
    /** Names of the negative and the positive class. */
    classes: z.tuple([z.string(), z.string()]).default(['false', 'true']),
  }),
  z.strictObject({
    task: z.literal('multiclass'),
    name: columnName,
    /** SQL expression whose text is the class. */
    expression: sqlExpression,
    /** Default: the distinct values of the training part, sorted. */
    classes: z.array(z.string()).min(2).optional(),
  }),
  z.strictObject({ task: z.literal('regression'), name: columnName, expression: sqlExpression }),
]);

const timeRange = z.strictObject({ from: isoDate, until: isoDate });
const splitSpec = z.discriminatedUnion('kind', [
  /** Half-open ranges `[from, until)` of a timestamp column; rows outside all of them are dropped and counted. */
  z.strictObject({ kind: z.literal('time'), column: columnName, train: timeRange, validation: timeRange, test: timeRange }),
  /** By a hash of the whole row (or of `key`) and the seed: a row stays in its split when the data grow. */
  z.strictObject({
    kind: z.literal('random'),
    validation: z.number().gt(0).lt(0.5).default(0.15),
    test: z.number().gt(0).lt(0.5).default(0.15),
    key: z.array(columnName).min(1).optional(),
    seed: z.int().min(0).default(0),
  }),
]);

const embeddingDimension = z.union([z.literal('auto'), z.int().min(1).max(256)]).default('auto');
const featureSpec = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('numeric'),
    column: columnName,
    scale: z.enum(['standard', 'none']).default('standard'),
    /** Replaces a missing value; fitted on the training part. */
    impute: z.union([z.enum(['median', 'mean']), z.number()]).default('median'),
    /** Adds a second input that is 1 where the value was missing. */
    missingIndicator: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('categorical'),
    column: columnName,
    /** Rarer categories of the training part share the bucket of the unknown ones. */
    minCount: z.int().min(1).default(5),
    maxCategories: z.int().min(2).max(1_000_000).default(10_000),
    dimension: embeddingDimension,
  }),
  z.strictObject({
    kind: z.literal('calendar'),
    column: columnName,
    part: z.enum(['month', 'dayOfMonth', 'dayOfWeek', 'hour', 'minute']),
    dimension: embeddingDimension,
  }),
]);

const activation = z.enum(['relu', 'tanh', 'elu', 'sigmoid']);
const hiddenUnits = z.array(z.int().min(1).max(8192)).min(1).max(16);
/** Options of each hidden layer. A model that leaves them out keeps the digest that it had before they were there. */
const hiddenLayers = {
  hidden: hiddenUnits.default([128, 64]),
  activation: activation.default('relu'),
  /** Share of a hidden layer's outputs that each training step sets to zero; default 0. Nothing is dropped in validation and serving. */
  dropout: z.number().min(0).max(0.9).optional(),
  /** `layer`: each row's sums are brought to mean 0 and variance 1 before the activation; default `none`. */
  normalization: z.enum(['none', 'layer']).optional(),
  /** Add each hidden layer's input to its output, through a matrix where their widths differ; default false. */
  residual: z.boolean().optional(),
};
const modelSpec = z.discriminatedUnion('family', [
  z.strictObject({ family: z.literal('linear') }),
  z.strictObject({ family: z.literal('mlp'), ...hiddenLayers }),
  /** A linear part over one-hot categories (wide) plus embeddings and dense layers (deep). */
  z.strictObject({
    family: z.literal('wide-and-deep'),
    ...hiddenLayers,
    /** Multiplies every automatic embedding dimension. */
    embeddingScale: z.number().gt(0).max(8).default(1),
  }),
]);

const trainingSpec = z.strictObject({
  engine: z.enum(['auto', 'onnxruntime', 'tfjs-node-gpu', 'tfjs-wasm', 'tfjs-cpu']).default('auto'),
  epochs: z.int().min(1).max(10_000).default(20),
  batchSize: z.int().min(1).max(1_048_576).default(256),
  learningRate: z.number().gt(0).max(10).default(0.002),
  schedule: z.enum(['cosine', 'constant']).default('cosine'),
  /** Decoupled weight decay (AdamW). */
  weightDecay: z.number().min(0).max(1).default(0),
  /** `balanced`: each class weighs N / (classes · N_class); classification only. */
  classWeights: z.enum(['balanced', 'none']).default('none'),
  earlyStopping: z.strictObject({ patience: z.int().min(1).default(2), minDelta: z.number().min(0).default(0.0005) }).optional(),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  /** Upper bound of a chunk of steps between two checkpoints, in seconds of wall time. */
  checkpointEverySeconds: z.number().gt(0).max(600).default(1),
});

const parameterRange = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('uniform'), low: z.number(), high: z.number() }),
  z.strictObject({ kind: z.literal('log-uniform'), low: z.number().gt(0), high: z.number().gt(0) }),
  z.strictObject({ kind: z.literal('integer'), low: z.int(), high: z.int() }),
  z.strictObject({ kind: z.literal('choice'), values: z.array(z.json()).min(1) }),
]);

export const metricNames = ['auc', 'averagePrecision', 'logLoss', 'accuracy', 'macroF1', 'brier', 'ece', 'rmse', 'mae', 'r2'] as const;
const metricName = z.enum(metricNames);

const sweepSpec = z.strictObject({
  trials: z.int().min(1).max(300).default(8),
  /** Each rung lets ⌊n / eta⌋ trials go on (at least one). */
  eta: z.int().min(2).max(16).default(3),
  /** Training steps (mini-batches) that a trial has done in all at the end of each rung, increasing. */
  rungs: z.array(z.int().min(1)).min(1).max(10).default([100, 300]),
  /** Trials that run at the same time; the slots of the training workers bound it too. */
  concurrency: z.int().min(1).max(1000).default(2),
  /** Rows of the validation part that compare trials. */
  validationRows: z.int().min(100).default(100_000),
  /** Path into the definition (`training.learningRate`, `model.hidden`, …) → what to draw from. */
  space: z.record(z.string().regex(/^(training|model)\.[A-Za-z]+$/), parameterRange),
  seed: z.int().min(0).default(1),
});

const gateSpec = z.union(
  [
    z.strictObject({ metric: metricName, min: z.number() }),
    z.strictObject({ metric: metricName, max: z.number() }),
    /** At least `by` better than the naive baseline or the champion; a negative `by` tolerates a loss. */
    z.strictObject({ metric: metricName, betterThan: z.enum(['baseline', 'champion']), by: z.number() }),
  ],
  {
    error: `a gate is {metric, min}, {metric, max} or {metric, betterThan: "baseline" | "champion", by}, metric one of ${metricNames.join(', ')}`,
  },
);

export const pipelineSchema = z.strictObject({
  name: pipelineName,
  description: z.string().max(2000).optional(),
  source: sourceSpec,
  columns: z.record(columnName, columnSpec),
  expectations: z
    .strictObject({
      minRows: z.int().min(1).default(100),
      /** More quarantined rows than this fraction fail the run. */
      maxQuarantined: z.number().min(0).max(1).default(0.01),
      /** The rarest class of the training part needs this many rows. */
      minRowsPerClass: z.int().min(1).default(10),
    })
    .prefault({}),
  target: targetSpec,
  split: splitSpec,
  features: z.record(columnName, featureSpec),
  model: modelSpec,
  training: trainingSpec.prefault({}),
  sweep: sweepSpec.optional(),
  evaluation: z
    .strictObject({
      /** Decides between trials, stops early, and stands first in every report. Default by task: auc, logLoss, rmse. */
      primaryMetric: metricName.optional(),
      /** Features or string columns whose values cut the test split into slices. */
      slices: z.array(columnName).default([]),
    })
    .prefault({}),
  gates: z.array(gateSpec).default([]),
  promotion: z
    .strictObject({
      /** `manual`: the run waits for `anneal approve` or `anneal reject`. */
      approval: z.enum(['automatic', 'manual']).default('automatic'),
      /** Hosts that must be there to take the version; with fewer, the run waits `hostWaitSeconds`, then fails. */
      minHosts: z.int().min(0).max(1000).default(1),
      hostWaitSeconds: z.int().min(1).max(86_400).default(60),
    })
    .prefault({}),
});

export type PipelineInput = z.input<typeof pipelineSchema>;
export type PipelineSpec = z.output<typeof pipelineSchema>;
export type SourceSpec = PipelineSpec['source'];
export type ColumnSpec = PipelineSpec['columns'][string];
export type TargetSpec = PipelineSpec['target'];
export type SplitSpec = PipelineSpec['split'];
export type FeatureSpec = PipelineSpec['features'][string];
export type ModelSpec = PipelineSpec['model'];
export type TrainingSpec = PipelineSpec['training'];
export type SweepSpec = NonNullable<PipelineSpec['sweep']>;
export type ParameterRange = z.output<typeof parameterRange>;
export type GateSpec = PipelineSpec['gates'][number];
export type Task = TargetSpec['task'];
export type MetricName = (typeof metricNames)[number];
/** Values by metric name; a metric that a task does not have is absent. */
export type Metrics = Partial<Record<MetricName, number>>;

const taskMetrics: Readonly<Record<Task, readonly MetricName[]>> = {
  binary: ['auc', 'averagePrecision', 'logLoss', 'accuracy', 'macroF1', 'brier', 'ece'],
  multiclass: ['auc', 'logLoss', 'accuracy', 'macroF1', 'brier'],
  regression: ['rmse', 'mae', 'r2'],
};

/** Metrics where a smaller value is better. */
const lossLike: ReadonlySet<MetricName> = new Set(['logLoss', 'brier', 'ece', 'rmse', 'mae']);

export function isLowerBetter(metric: MetricName): boolean {
  return lossLike.has(metric);
}

export function primaryMetric(spec: PipelineSpec): MetricName {
  return spec.evaluation.primaryMetric ?? ({ binary: 'auc', multiclass: 'logLoss', regression: 'rmse' } as const)[spec.target.task];
}

/**
 * Check a pipeline definition and fill its defaults in.
 *
 * @throws AnnealError `InvalidPipeline` that lists every problem with its path
 */
export function definePipeline(input: PipelineInput): PipelineSpec {
  const parsed = pipelineSchema.safeParse(input);
  const name = typeof input?.name === 'string' ? input.name : '(no name)';
  if (!parsed.success) {
    throw invalid(
      name,
      parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`),
    );
  }
  const problems = crossReferenceProblems(parsed.data);
  if (problems.length > 0) throw invalid(name, problems);
  return parsed.data;
}

function invalid(name: string, problems: string[]): AnnealError {
  return new AnnealError(
    failureTypes.invalidPipeline,
    `The definition of pipeline "${name}" is not valid: ${problems.join('; ')}. Correct the definition in the pipeline's file, or the value given with --set, and run it again.`,
    problems,
  );
}

/** What the schema cannot say: names that must refer to something, ranges in order. */
function crossReferenceProblems(spec: PipelineSpec): string[] {
  const problems: string[] = [];
  if (Object.keys(spec.features).length === 0) problems.push('features: at least one is needed');
  for (const [name, feature] of Object.entries(spec.features)) {
    const column = spec.columns[feature.column];
    if (!column) {
      problems.push(`features.${name}.column: there is no column "${feature.column}" in columns`);
      continue;
    }
    if ((Object.values(modelOutputs) as string[]).includes(feature.column))
      problems.push(
        `features.${name}.column: "${feature.column}" is the name of an output of the exported model; rename the column in the source`,
      );
    if (feature.kind === 'calendar' && column.type !== 'timestamp')
      problems.push(`features.${name}: calendar needs a timestamp column, "${feature.column}" is ${column.type}`);
    if (feature.kind === 'numeric' && !['integer', 'float', 'boolean'].includes(column.type))
      problems.push(`features.${name}: numeric needs an integer, float or boolean column, "${feature.column}" is ${column.type}`);
    if (feature.kind === 'categorical' && !['string', 'integer', 'boolean'].includes(column.type))
      problems.push(`features.${name}: categorical needs a string, integer or boolean column, "${feature.column}" is ${column.type}`);
  }
  if (spec.split.kind === 'time') {
    if (spec.columns[spec.split.column]?.type !== 'timestamp')
      problems.push(`split.column: "${spec.split.column}" is not a timestamp column in columns`);
    for (const part of ['train', 'validation', 'test'] as const) {
      const { from, until } = spec.split[part];
      if (!(from < until)) problems.push(`split.${part}: from (${from}) must be before until (${until})`);
    }
  } else if (spec.split.validation + spec.split.test >= 1) problems.push('split: validation and test leave nothing to train on');
  for (const slice of spec.evaluation.slices) {
    if (!spec.features[slice] && !spec.columns[slice]) problems.push(`evaluation.slices: there is no feature or column "${slice}"`);
  }
  const { task } = spec.target;
  const asked = spec.gates.map(({ metric }, i) => [`gates.${i}.metric`, metric] as const);
  for (const [path, metric] of [['evaluation.primaryMetric', primaryMetric(spec)] as const, ...asked]) {
    if (!taskMetrics[task].includes(metric))
      problems.push(`${path}: a ${task} model has no ${metric}; its metrics are ${taskMetrics[task].join(', ')}`);
  }
  if (spec.sweep) {
    if (spec.sweep.rungs.some((steps, i) => i > 0 && steps <= spec.sweep!.rungs[i - 1])) problems.push('sweep.rungs: must increase');
    for (const [path, range] of Object.entries(spec.sweep.space)) {
      if (range.kind !== 'choice' && !(range.low < range.high)) problems.push(`sweep.space.${path}: low must be below high`);
    }
  }
  return problems;
}
