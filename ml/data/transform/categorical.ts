import type { FittedCategorical } from '../../../contracts/fitted-feature.js';
import { lowerVocabulary, reservedIndices, vocabularyIndex } from './category-text.js';
import type { TransformKind } from './transform-kind.js';

/** An index into a vocabulary, for an embedding or a one-hot expansion in the network. */
export const categoricalKind: TransformKind<FittedCategorical> = {
  indexColumns: ({ name, vocabulary, dimension, encoding }) => [
    { name, size: vocabulary.length + reservedIndices, dimension, ...(encoding ? { encoding } : {}) },
  ],
  numberColumns: () => [],
  indexSql: ({ vocabulary }, input) => [vocabularyIndex(vocabulary, input)],
  numberSql: () => [],
  lower: (builder, features, inputOf) => ({
    indices: features.map((feature) => ({
      value: lowerVocabulary(builder, feature.vocabulary, inputOf(feature)), // int64 [N, 1]
      names: [feature.name],
    })),
  }),
};
