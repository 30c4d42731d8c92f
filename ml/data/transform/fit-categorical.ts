import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedCategorical, FittedHashing, FittedTargetEncoding } from '../../../contracts/fitted-feature.js';
import type { FeatureSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { categoryText } from './category-text.js';
import { fitTargetEncoding } from './fit-target-encoding.js';
import type { TrainingRows } from './training-rows.js';

export type CategoricalSpec = Extract<FeatureSpec, { kind: 'categorical' }>;

const defaultBuckets = 4096;
const defaultMinCount = { embedding: 5, 'one-hot': 5, hashing: 1, target: 1 } as const;
const defaultMaxCategories = { embedding: 10_000, 'one-hot': 256, hashing: 1, target: 10_000 } as const;

export async function fitCategorical(
  session: DataSession,
  training: TrainingRows,
  name: string,
  spec: CategoricalSpec,
  input: RawInput,
): Promise<FittedCategorical | FittedHashing | FittedTargetEncoding> {
  const base = { name, input: spec.column, dimension: spec.dimension };
  switch (spec.encoding) {
    case 'hashing':
      return { kind: 'hashing', ...base, buckets: spec.buckets ?? defaultBuckets };
    case 'embedding':
      return { kind: 'categorical', ...base, vocabulary: await fitVocabulary(session, training.relation, spec, input) };
    case 'one-hot':
      return {
        kind: 'categorical',
        ...base,
        vocabulary: await fitVocabulary(session, training.relation, spec, input),
        encoding: 'one-hot',
      };
    case 'target':
      return fitTargetEncoding(session, training, name, spec, input, await fitVocabulary(session, training.relation, spec, input));
  }
}

/** Most frequent first; equally frequent ones in the order of their bytes. */
async function fitVocabulary(session: DataSession, relation: string, spec: CategoricalSpec, input: RawInput): Promise<string[]> {
  const minCount = spec.minCount ?? defaultMinCount[spec.encoding];
  const most = spec.maxCategories ?? defaultMaxCategories[spec.encoding];
  const text = categoryText(input);
  // By position: the raw columns may be called like the results.
  const found = await session.rows(
    `SELECT ${text} AS category, count(*) AS rows FROM ${relation} WHERE ${text} IS NOT NULL GROUP BY 1 ` +
      `HAVING count(*) >= ${minCount} ORDER BY 2 DESC, 1 LIMIT ${most}`,
  );
  return found.map((row) => String(row.category));
}
