import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedHashing } from '../../../contracts/fitted-feature.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { categoryText, lowerInteger, missingIndex } from './category-text.js';
import type { TransformKind } from './transform-kind.js';

/**
 * An index that is a hash of the category's text, for categories without end: nothing is fitted, and unknown ones have an
 * embedding too, which they share.
 *
 * @see Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"
 */
export const hashingKind: TransformKind<FittedHashing> = {
  indexColumns: ({ name, buckets, dimension }) => [{ name, size: buckets + 1, dimension }],
  numberColumns: () => [],
  indexSql: ({ buckets }, input) => [`coalesce(CAST(anneal_murmur3(${categoryText(input)}) % ${buckets} AS INTEGER) + 1, ${missingIndex})`],
  numberSql: () => [],
  lower: (builder, features, inputOf) => {
    if (features.length === 0) return {};
    const columns = features.map((feature) => lowerText(builder, inputOf(feature))); // string [N, 1] each
    const texts = columns.length === 1 ? columns[0] : builder.node('Concat', columns, { axis: 1 }); // string [N, H]
    const [hashes, buckets] = [
      builder.contribNode('MurmurHash3', [texts], { seed: 0, positive: 1 }), // uint32 [N, H]
      builder.constant(
        'uint32',
        features.map((feature) => feature.buckets),
        [1, features.length],
      ),
    ];
    const bucket = builder.node('Cast', [builder.node('Mod', [hashes, buckets])], { to: elementTypes.int64 }); // int64 [N, H]
    const index = builder.node('Add', [bucket, builder.scalar('int64', 1)]); // int64 [N, H]
    return { indices: [{ value: builder.node('Mul', [index, lowerPresence(builder, texts)]), names: features.map(({ name }) => name) }] };
  },
};

/** @returns name of a string [N, 1] value, "" where it is missing */
function lowerText(builder: GraphBuilder, input: RawInput): string {
  if (input.type === 'string') return input.name;
  if (input.type === 'int64') return builder.node('Cast', [input.name], { to: elementTypes.string });
  const { integer, isInteger } = lowerInteger(builder, input);
  const text = builder.node('Cast', [integer], { to: elementTypes.string }); // string [N, 1]
  return builder.node('Where', [isInteger, text, builder.constant('string', [''], [1])]);
}

/** @returns name of an int64 value of the texts' shape: 0 for "", else 1 */
function lowerPresence(builder: GraphBuilder, texts: string): string {
  return builder.mlNode('LabelEncoder', [texts], { keys_strings: [''], values_int64s: [0], default_int64: 1 });
}
