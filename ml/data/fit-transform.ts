import type { FittedFeature, FittedTransform, RawInput } from '../../contracts/dataset.js';
import type { FeatureSpec, PipelineSpec } from '../../contracts/pipeline.js';
import { largestSquarable } from './column-statistics.js';
import type { DataSession } from './duckdb-session.js';
import { layoutOf } from './feature-layout.js';
import { identifier } from './sql-quoting.js';

/** Beyond this the median is an estimate (t-digest): an exact one holds the column in memory. */
const exactMedianRows = 5_000_000;

type NumericSpec = Extract<FeatureSpec, { kind: 'numeric' }>;
type CategoricalSpec = Extract<FeatureSpec, { kind: 'categorical' }>;

interface TrainingRows {
  readonly relation: string;
  readonly rows: number;
}

/** The raw inputs that a pipeline's features read, in the order of their first use. Pure. */
export function rawInputsOf(spec: PipelineSpec): RawInput[] {
  const names = new Set(Object.values(spec.features).map((feature) => feature.column));
  return [...names].map((name) => {
    const { type, nullable } = spec.columns[name];
    const canBeInt64 = type === 'timestamp' || ((type === 'integer' || type === 'boolean') && !nullable);
    return { name, type: type === 'string' ? 'string' : canBeInt64 ? 'int64' : 'float64', columnType: type, nullable };
  });
}

/**
 * Fit every feature's transform on the training rows.
 *
 * Runs on one thread, so that sums of floats have one order and equal rows give equal bits.
 *
 * @param relation name of a view of the training rows with the raw inputs as columns (see `rawColumn`)
 * @param rows how many they are
 */
export async function fitTransform(session: DataSession, relation: string, spec: PipelineSpec, rows: number): Promise<FittedTransform> {
  const inputs = rawInputsOf(spec);
  const features = await session.sequentially(async () => {
    const fitted: FittedFeature[] = [];
    for (const [name, feature] of Object.entries(spec.features)) {
      const input = inputs.find((candidate) => candidate.name === feature.column)!;
      fitted.push(await fitFeature(session, { relation, rows }, name, feature, input));
    }
    return fitted;
  });
  return { formatVersion: 1, inputs, features, layout: layoutOf(features) };
}

async function fitFeature(
  session: DataSession,
  training: TrainingRows,
  name: string,
  feature: FeatureSpec,
  input: RawInput,
): Promise<FittedFeature> {
  const base = { name, input: input.name };
  switch (feature.kind) {
    case 'numeric':
      return { kind: 'numeric', ...base, ...(await fitNumber(session, training, feature)), missingIndicator: feature.missingIndicator };
    case 'categorical':
      return {
        kind: 'categorical',
        ...base,
        vocabulary: await fitVocabulary(session, training.relation, feature, input),
        dimension: feature.dimension,
      };
    case 'calendar':
      return { kind: 'calendar', ...base, part: feature.part, dimension: feature.dimension };
  }
}

async function fitNumber(
  session: DataSession,
  { relation, rows }: TrainingRows,
  feature: NumericSpec,
): Promise<{ fill: number; center: number; scale: number }> {
  const value = `CAST(${identifier(feature.column)} AS DOUBLE)`;
  const squarable = `FILTER (abs(${value}) < ${largestSquarable})`;
  const median =
    feature.impute !== 'median' ? 'NULL' : rows > exactMedianRows ? `approx_quantile(${value}, 0.5)` : `quantile_disc(${value}, 0.5)`;
  const [found] = await session.rows(
    `SELECT avg(${value}) ${squarable} AS mean, stddev_pop(${value}) ${squarable} AS deviation, ${median} AS median FROM ${relation}`,
  );
  const mean = Number(found.mean ?? 0);
  const deviation = Number(found.deviation ?? 0);
  const fill = typeof feature.impute === 'number' ? feature.impute : feature.impute === 'mean' ? mean : Number(found.median ?? 0);
  if (feature.scale === 'none') return { fill, center: 0, scale: 1 };
  // The deviation of equal values is 0, or what rounding left of it.
  const isConstant = !(deviation > Number.EPSILON * Math.abs(mean));
  return { fill, center: mean, scale: isConstant ? 1 : deviation };
}

/** Most frequent first; equally frequent ones in the order of their bytes. */
async function fitVocabulary(session: DataSession, relation: string, feature: CategoricalSpec, input: RawInput): Promise<string[]> {
  const column = identifier(feature.column);
  // By position: the raw columns may be called like the results.
  // A nullable integer travels as a float: 5.0 is the category "5".
  const text = input.type === 'float64' ? `CAST(TRY_CAST(${column} AS BIGINT) AS VARCHAR)` : `CAST(${column} AS VARCHAR)`;
  const found = await session.rows(
    `SELECT ${text} AS category, count(*) AS rows FROM ${relation} WHERE ${text} IS NOT NULL GROUP BY 1 ` +
      `HAVING count(*) >= ${feature.minCount} ORDER BY 2 DESC, 1 LIMIT ${feature.maxCategories}`,
  );
  return found.map((row) => String(row.category));
}
