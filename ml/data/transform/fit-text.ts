import type { FittedText } from '../../../contracts/fitted-feature.js';
import type { FeatureSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { textSql } from './text.js';
import type { TrainingRows } from './training-rows.js';

type TextSpec = Extract<FeatureSpec, { kind: 'text' }>;

/**
 * Fit the weights of a text's buckets: ln((1 + texts) / (1 + texts with the bucket)) + 1; missing texts count as empty ones.
 *
 * @see scikit-learn's `TfidfTransformer` with `smooth_idf`
 */
export async function fitText(session: DataSession, { relation, rows }: TrainingRows, name: string, spec: TextSpec): Promise<FittedText> {
  const { buckets, ngrams, lowercase, maxTokens } = spec;
  const base = { kind: 'text', name, input: spec.column, buckets, ngrams, lowercase, maxTokens } as const;
  if (spec.weighting === 'tf') return base;
  const found = await session.rows(
    `SELECT bucket, count(*) AS texts FROM (SELECT unnest(list_distinct(${textSql('anneal_text_buckets', spec.column, base)})) AS bucket FROM ${relation}) GROUP BY bucket`,
  );
  const texts = new Map(found.map((row) => [Number(row.bucket), Number(row.texts)]));
  const weight = (bucket: number) => Math.log((1 + rows) / (1 + (texts.get(bucket) ?? 0))) + 1;
  return { ...base, inverseDocumentFrequency: Array.from({ length: buckets }, (_, bucket) => weight(bucket)) };
}
