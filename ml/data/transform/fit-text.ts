import type { FittedText } from '../../../contracts/fitted-feature.js';
import type { FeatureSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { identifier } from '../sql-quoting.js';
import { TextFrequencies } from './text-counts.js';
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
  const frequencies = new TextFrequencies(base);
  // Here and not by a function of SQL: what a column holds crosses over once, and only numbers are kept of it.
  for await (const chunk of session.chunks(`SELECT ${identifier(spec.column)} AS text FROM ${relation}`)) {
    const texts = chunk.getColumnVector(0);
    const { rowCount } = chunk;
    for (let row = 0; row < rowCount; row += 1) {
      const text = texts.getItem(row) as string | null;
      if (text !== null) frequencies.add(text);
    }
  }
  const weight = (bucket: number) => Math.log((1 + rows) / (1 + frequencies.texts[bucket])) + 1;
  return { ...base, inverseDocumentFrequency: Array.from({ length: buckets }, (_, bucket) => weight(bucket)) };
}
