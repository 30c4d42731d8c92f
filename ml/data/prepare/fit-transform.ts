import type { FittedFeature, FittedTransform, RawInput } from '../../../contracts/dataset.js';
import type { FeatureSpec, PipelineSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { encodedTarget } from '../target-column.js';
import { fitCalendar } from '../transform/fit-calendar.js';
import { fitCategorical } from '../transform/fit-categorical.js';
import { fitNumeric } from '../transform/fit-numeric.js';
import { fitText } from '../transform/fit-text.js';
import type { TrainingRows } from '../transform/training-rows.js';
import { layoutOf } from '../transform/transform-kinds.js';

/** The raw inputs that a pipeline's features read, in the order of their first use. Pure. */
export function rawInputsOf(spec: PipelineSpec): RawInput[] {
  const names = new Set(Object.values(spec.features).map((feature) => feature.column));
  return [...names].flatMap((name) => {
    const { type, nullable } = spec.columns[name];
    // An image is no column of the matrices.
    if (type === 'image') return [];
    const canBeInt64 = type === 'timestamp' || ((type === 'integer' || type === 'boolean') && !nullable);
    return [{ name, type: type === 'string' ? 'string' : canBeInt64 ? 'int64' : 'float64', columnType: type, nullable }];
  });
}

/**
 * Fit every feature's transform on the training rows.
 *
 * Runs on one thread, so that sums of floats have one order and equal rows give equal bits.
 *
 * @param relation name of a view of the training rows with the raw inputs as columns (see `rawColumn`) and the target as a
 *   number under `encodedTarget`
 * @param rows how many they are
 */
export async function fitTransform(session: DataSession, relation: string, spec: PipelineSpec, rows: number): Promise<FittedTransform> {
  const inputs = rawInputsOf(spec);
  const features = await session.sequentially(async () => {
    const training = await trainingRows(session, relation, spec, rows);
    const fitted: FittedFeature[] = [];
    for (const [name, feature] of Object.entries(spec.features)) {
      if (feature.kind === 'image') continue;
      const input = inputs.find((candidate) => candidate.name === feature.column)!;
      fitted.push(await fitFeature(session, training, name, feature, input));
    }
    return fitted;
  });
  return { formatVersion: 1, inputs, features, layout: layoutOf(features) };
}

function fitFeature(
  session: DataSession,
  training: TrainingRows,
  name: string,
  feature: Exclude<FeatureSpec, { kind: 'image' }>,
  input: RawInput,
): Promise<FittedFeature> {
  switch (feature.kind) {
    case 'numeric':
      return fitNumeric(session, training, name, feature, input);
    case 'categorical':
      return fitCategorical(session, training, name, feature, input);
    case 'calendar':
      return fitCalendar(session, training, name, feature);
    case 'text':
      return fitText(session, training, name, feature);
  }
}

export async function trainingRows(session: DataSession, relation: string, spec: PipelineSpec, rows: number): Promise<TrainingRows> {
  if (spec.target.task !== 'multiclass') return { relation, rows, classes: spec.target.task === 'binary' ? 2 : 0 };
  if (spec.target.classes) return { relation, rows, classes: spec.target.classes.length };
  const readsTarget = Object.values(spec.features).some((feature) => feature.kind === 'categorical' && feature.encoding === 'target');
  // Every class occurs in the training part.
  const [found] = readsTarget ? await session.rows(`SELECT max(${encodedTarget}) + 1 AS classes FROM ${relation}`) : [{ classes: 0 }];
  return { relation, rows, classes: Number(found.classes) };
}
