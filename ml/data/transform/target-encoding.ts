import type { FittedTargetEncoding } from '../../../contracts/fitted-feature.js';
import { lowerVocabulary, vocabularyIndex } from './category-text.js';
import type { TransformKind } from './transform-kind.js';

/**
 * Numbers by category, from a table that `fitTargetEncoding` made of the whole training part. The training rows themselves are
 * encoded otherwise; see there.
 *
 * @see Micci-Barreca 2001, "A Preprocessing Scheme for High-Cardinality Categorical Attributes"
 */
export const targetEncodingKind: TransformKind<FittedTargetEncoding> = {
  indexColumns: () => [],
  numberColumns: (features) => features.flatMap((feature) => feature.columns),
  indexSql: () => [],
  numberSql: (features, inputOf) =>
    features.flatMap((feature) => {
      const index = vocabularyIndex(feature.vocabulary, inputOf(feature));
      return feature.columns.map((_, column) => ({ sql: tableValue(feature.table, column, index), width: 1 }));
    }),
  lower: (builder, features, inputOf) => {
    if (features.length === 0) return {};
    const parts = features.map((feature) => {
      const index = lowerVocabulary(builder, feature.vocabulary, inputOf(feature)); // int64 [N, 1]
      const { table, columns } = feature;
      const values = builder.constant('float32', table.flat(), [table.length, columns.length]);
      const rows = builder.node('Gather', [values, index]); // float32 [N, 1, columns]
      return builder.node('Reshape', [rows, builder.constant('int64', [-1, columns.length])]); // float32 [N, columns]
    });
    return { numbers: parts.length === 1 ? parts[0] : builder.node('Concat', parts, { axis: 1 }) };
  },
};

/** SQL of a table's value: FLOAT at [index, column]. One literal: thousands of numbers as expressions of their own are slow to plan. */
export function tableValue(table: readonly (readonly number[])[], column: number, index: string): string {
  return `(CAST('[${table.map((row) => row[column]).join(',')}]' AS FLOAT[]))[${index} + 1]`;
}
