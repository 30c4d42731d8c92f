import type { z } from 'zod';
import { AnnealError, failureTypes } from './failures.js';
import { crossReferenceProblems } from './pipeline/cross-references.js';
import { meantAlternative, plainMessage } from './pipeline/definition-messages.js';
import { type PipelineInput, pipelineSchema, type PipelineSpec } from './pipeline/schema.js';
import { checkSpace } from './pipeline/sweep-space.js';

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
  const parsed = pipelineSchema.safeParse(input, { error: plainMessage });
  const name = typeof input?.name === 'string' ? input.name : '(no name)';
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap(meantAlternative);
    // First: what lacks may be what is misspelt.
    const isUnknown = ({ code }: Issue): boolean => code === 'unrecognized_keys';
    const sorted = [...issues.filter(isUnknown), ...issues.filter((issue) => !isUnknown(issue))];
    throw invalid(
      name,
      sorted.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`),
    );
  }
  const { space, problems: ofSpace } = checkSpace(parsed.data);
  const problems = [...crossReferenceProblems(parsed.data), ...ofSpace];
  if (problems.length > 0) throw invalid(name, problems);
  return parsed.data.sweep ? { ...parsed.data, sweep: { ...parsed.data.sweep, space } } : parsed.data;
}

type Issue = z.core.$ZodIssue;

function invalid(name: string, problems: string[]): AnnealError {
  return new AnnealError(
    failureTypes.invalidPipeline,
    `The definition of pipeline "${name}" is not valid: ${problems.join('; ')}. Correct the definition in the pipeline's file, or the value given with --set, and run it again.`,
    problems,
  );
}
