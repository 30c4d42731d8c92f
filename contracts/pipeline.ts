import { AnnealError, failureTypes } from './failures.js';
import { crossReferenceProblems } from './pipeline/cross-references.js';
import { type PipelineInput, pipelineSchema, type PipelineSpec } from './pipeline/schema.js';
import { similarName } from './pipeline/similar-name.js';

/**
 * A pipeline definition is plain JSON: it crosses process boundaries, it is the input of the workflow,
 * it is stored with the run. `definePipeline` checks it and fills the defaults in. Each section has its file in `pipeline/`.
 */

export type { AugmentationSpec, ImageAugmentationSpec } from './pipeline/augmentation.js';
export type { ColumnSpec } from './pipeline/columns.js';
export { type CrossValidationSpec, timeColumn } from './pipeline/cross-validation.js';
export type { DataSpec } from './pipeline/data.js';
export type { GateSpec } from './pipeline/evaluation.js';
export type { ExpectationsSpec } from './pipeline/expectations.js';
export type { FeatureSpec } from './pipeline/features.js';
export { frozenSchema, type FrozenColumn, type FrozenDistribution, type FrozenSchema } from './pipeline/frozen-schema.js';
export type { ImageColumn } from './pipeline/image.js';
export { isLowerBetter, type MetricName, metricNames, type Metrics, taskMetrics } from './pipeline/metrics.js';
export type { ModelSpec } from './pipeline/model.js';
export type { ModuleModelSpec } from './pipeline/module-model.js';
export { type PipelineInput, pipelineSchema, type PipelineSpec, primaryMetric } from './pipeline/schema.js';
export type { ServingSpec } from './pipeline/serving.js';
export type { SourceSpec } from './pipeline/source.js';
export type { SplitSpec } from './pipeline/split.js';
export type { ParameterRange, SweepSpec } from './pipeline/sweep.js';
export { labelsOf, type TargetSpec, type Task } from './pipeline/target.js';
export { quantilesOf } from './pipeline/training.js';
export type { GradientClippingSpec, LossSpec, OptimizerSpec, SamplingSpec, ScheduleSpec, TrainingSpec } from './pipeline/training.js';

/**
 * Check a pipeline definition and fill its defaults in.
 *
 * @throws AnnealError `InvalidPipeline` that lists every problem with its path
 */
export function definePipeline(input: PipelineInput): PipelineSpec {
  const parsed = pipelineSchema.safeParse(input);
  const name = typeof input?.name === 'string' ? input.name : '(no name)';
  if (!parsed.success) {
    const unknown = parsed.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [],
    );
    throw invalid(name, [
      // What lacks may be what is misspelt.
      ...unknown.map(unknownField),
      ...parsed.error.issues
        .filter((issue) => issue.code !== 'unrecognized_keys' || issue.path.length > 0)
        .map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`),
    ]);
  }
  const problems = crossReferenceProblems(parsed.data);
  if (problems.length > 0) throw invalid(name, problems);
  return parsed.data;
}

function unknownField(field: string): string {
  const meant = similarName(field, Object.keys(pipelineSchema.shape));
  return `(top level): there is no field ${JSON.stringify(field)}${meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`}`;
}

function invalid(name: string, problems: string[]): AnnealError {
  return new AnnealError(
    failureTypes.invalidPipeline,
    `The definition of pipeline "${name}" is not valid: ${problems.join('; ')}. Correct the definition in the pipeline's file, or the value given with --set, and run it again.`,
    problems,
  );
}
