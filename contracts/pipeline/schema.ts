import { z } from 'zod';
import { columnSpec } from './columns.js';
import { crossValidationSpec } from './cross-validation.js';
import { dataSpec } from './data.js';
import { evaluationSpec, gateSpec, promotionSpec } from './evaluation.js';
import { expectationsSpec } from './expectations.js';
import { featureSpec } from './features.js';
import { frozenSchema } from './frozen-schema.js';
import { modelSpec } from './model.js';
import { columnName, pipelineName } from './scalars.js';
import { sourceSpec } from './source.js';
import { servingSpec } from './serving.js';
import { splitSpec } from './split.js';
import { sweepSpec } from './sweep.js';
import { targetSpec } from './target.js';
import { trainingSpec } from './training.js';

export const pipelineSchema = z.strictObject({
  name: pipelineName,
  description: z.string().max(2000).optional(),
  source: sourceSpec,
  data: dataSpec.prefault({}),
  columns: z.record(columnName, columnSpec),
  expectations: expectationsSpec.prefault({}),
  /** What the data were like when somebody looked at them; the command reads it from `<name>.schema.json` beside the pipeline's file. */
  schema: frozenSchema.optional(),
  target: targetSpec,
  split: splitSpec,
  features: z.record(columnName, featureSpec),
  model: modelSpec,
  training: trainingSpec.prefault({}),
  sweep: sweepSpec.optional(),
  crossValidation: crossValidationSpec.optional(),
  evaluation: evaluationSpec.prefault({}),
  gates: z.array(gateSpec).default([]),
  promotion: promotionSpec.prefault({}),
  serving: servingSpec.optional(),
});

export type PipelineInput = z.input<typeof pipelineSchema>;
export type PipelineSpec = z.output<typeof pipelineSchema>;

export { primaryMetric } from './primary-metric.js';
