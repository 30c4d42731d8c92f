import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedText } from '../../../contracts/fitted-feature.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { identifier, textLiteral } from '../sql-quoting.js';
import type { TextParameters } from './text-counts.js';
import type { TransformKind } from './transform-kind.js';

/** A word, for RE2: neither an ASCII control character or space, nor ASCII punctuation. */
const word = '[^\\x01-/:-@\\[-`{-\\x7f]+';

/**
 * A hashed bag of words; `textVector` says what it computes.
 *
 * @see Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning"
 */
export const textKind: TransformKind<FittedText> = {
  indexColumns: () => [],
  numberColumns: (features) => features.flatMap(({ name, buckets }) => Array.from({ length: buckets }, (_, i) => `${name}[${i}]`)),
  indexSql: () => [],
  numberSql: (features) => features.map((feature) => ({ sql: textSql(feature.input, feature), width: feature.buckets })),
  lower: (builder, features, inputOf) => {
    if (features.length === 0) return {};
    const parts = features.map((feature) => lowerText(builder, feature, inputOf(feature))); // float32 [N, buckets] each
    return { numbers: parts.length === 1 ? parts[0] : builder.node('Concat', parts, { axis: 1 }) };
  },
};

/** A missing text is an empty one. */
function textSql(column: string, parameters: TextParameters): string {
  const { buckets, ngrams, lowercase, maxTokens, inverseDocumentFrequency } = parameters;
  const json = JSON.stringify({ buckets, ngrams, lowercase, maxTokens, inverseDocumentFrequency });
  return `anneal_text(coalesce(${identifier(column)}, ''), ${textLiteral(json)})`;
}

function lowerText(builder: GraphBuilder, feature: FittedText, input: RawInput): string {
  const { buckets, inverseDocumentFrequency } = feature;
  const words = lowerWords(builder, feature, input); // string [N, T], "" after a text's last word
  const hashes = lowerHashes(builder, words); // int64 [N, T]
  const presence = builder.mlNode('LabelEncoder', [words], { keys_strings: [''], values_int64s: [0], default_int64: 1 }); // int64 [N, T]
  const grams = feature.ngrams === 2 ? withPairs(builder, hashes, presence) : { hashes, presence }; // int64 [N, G]
  const index = builder.node('Mod', [grams.hashes, builder.scalar('int64', buckets)]); // int64 [N, G]
  const ones = builder.node('Cast', [grams.presence], { to: elementTypes.float64 }); // float64 [N, G]
  const rows = builder.node('Shape', [input.name], { start: 0, end: 1 }); // int64 [1]
  const zeros = builder.node('Expand', [
    builder.scalar('float64', 0),
    builder.node('Concat', [rows, builder.constant('int64', [buckets])], { axis: 0 }),
  ]); // float64 [N, buckets]
  const counts = builder.node('ScatterElements', [zeros, index, ones], { axis: 1, reduction: 'add' }); // float64 [N, buckets]
  const weighted = inverseDocumentFrequency
    ? builder.node('Mul', [counts, builder.constant('float64', inverseDocumentFrequency, [1, buckets])])
    : counts; // float64 [N, buckets]
  const squares = builder.node('ReduceSumSquare', [weighted], { axes: [1], keepdims: 1 }); // float64 [N, 1]
  const length = builder.node('Sqrt', [builder.node('Max', [squares, builder.scalar('float64', Number.MIN_VALUE)])]); // float64 [N, 1]
  return builder.node('Cast', [builder.node('Div', [weighted, length])], { to: elementTypes.float32 }); // float32 [N, buckets]
}

function lowerWords(builder: GraphBuilder, { lowercase, maxTokens }: FittedText, input: RawInput): string {
  const texts = builder.node('Reshape', [input.name, builder.constant('int64', [-1])]); // string [N]
  // The locale "C" is on every machine, and knows A to Z alone.
  const cased = lowercase ? builder.node('StringNormalizer', [texts], { case_change_action: 'LOWER', locale: 'C' }) : texts; // string [N]
  const words = builder.contribNode('Tokenizer', [cased], { mark: 0, mincharnum: 1, pad_value: '', tokenexp: word }); // string [N, T]
  return slice(builder, words, 0, maxTokens); // string [N, ≤ maxTokens]
}

function lowerHashes(builder: GraphBuilder, value: string): string {
  return builder.node('Cast', [builder.contribNode('MurmurHash3', [value], { seed: 0, positive: 1 })], { to: elementTypes.int64 });
}

/** Appends each pair of neighbours, (first halved) · 2³² + second as one number. */
function withPairs(builder: GraphBuilder, hashes: string, presence: string): { readonly hashes: string; readonly presence: string } {
  const first = builder.node('Div', [slice(builder, hashes, 0, -1), builder.scalar('int64', 2)]); // int64 [N, T − 1]
  const high = builder.node('Mul', [first, builder.scalar('int64', 2n ** 32n)]); // int64 [N, T − 1]
  const end = Number.MAX_SAFE_INTEGER;
  const pairs = lowerHashes(builder, builder.node('Add', [high, slice(builder, hashes, 1, end)])); // int64 [N, T − 1]
  return {
    hashes: builder.node('Concat', [hashes, pairs], { axis: 1 }),
    presence: builder.node('Concat', [presence, slice(builder, presence, 1, end)], { axis: 1 }),
  };
}

/** Columns from `start` until `end`. */
function slice(builder: GraphBuilder, value: string, start: number, end: number): string {
  const at = (place: number) => builder.constant('int64', [place]);
  return builder.node('Slice', [value, at(start), at(end), at(1)]);
}
