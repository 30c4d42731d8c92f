import type { RawInput } from '../../../contracts/dataset.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { identifier, textLiteral } from '../sql-quoting.js';

/** Indices of the missing, and of the rare and unknown; then the vocabulary. */
export const missingIndex = 0;
export const unknownIndex = 1;
export const reservedIndices = 2;

/** SQL of a category's text, NULL where it is missing; a nullable integer travels as a float: 5.0 is the category "5". */
export function categoryText(input: RawInput): string {
  const column = identifier(input.name);
  switch (input.type) {
    case 'string':
      return column;
    case 'int64':
      return `CAST(${column} AS VARCHAR)`;
    case 'float64':
      return `CASE WHEN TRY_CAST(${column} AS BIGINT) = ${column} THEN CAST(TRY_CAST(${column} AS BIGINT) AS VARCHAR) END`;
  }
}

/** SQL of a category's index, INTEGER. */
export function vocabularyIndex(vocabulary: readonly string[], input: RawInput): string {
  const text = categoryText(input);
  const known =
    vocabulary.length === 0
      ? 'NULL'
      : // The code of a small enumeration is an unsigned byte, which 255 + 2 would overflow.
        `CAST(enum_code(TRY_CAST(${text} AS ENUM(${vocabulary.map(textLiteral).join(', ')}))) AS INTEGER) + ${reservedIndices}`;
  return `CAST(CASE WHEN ${text} IS NULL THEN ${missingIndex} ELSE coalesce(${known}, ${unknownIndex}) END AS INTEGER)`;
}

/** The graph's form of `vocabularyIndex`. @returns name of an int64 [N, 1] value */
export function lowerVocabulary(builder: GraphBuilder, vocabulary: readonly string[], input: RawInput): string {
  const indices = vocabulary.map((_, i) => i + reservedIndices);
  if (input.type === 'string') return encodeTexts(builder, input.name, vocabulary, indices);
  if (input.type === 'int64') return encodeIntegers(builder, input.name, vocabulary, indices);
  const { integer, isInteger } = lowerInteger(builder, input);
  const index = encodeIntegers(builder, integer, vocabulary, indices); // int64 [N, 1]
  return builder.node('Where', [isInteger, index, builder.scalar('int64', missingIndex)]);
}

/**
 * A float64 holds an integer that may be missing: NaN, fractions and what int64 cannot hold do not survive the way there and back.
 *
 * @returns names of an int64 [N, 1] and a bool [N, 1] value
 */
export function lowerInteger(builder: GraphBuilder, input: RawInput): { readonly integer: string; readonly isInteger: string } {
  const integer = builder.node('Cast', [input.name], { to: elementTypes.int64 }); // int64 [N, 1]
  const back = builder.node('Cast', [integer], { to: elementTypes.float64 }); // float64 [N, 1]
  return { integer, isInteger: builder.node('Equal', [input.name, back]) };
}

function encodeTexts(builder: GraphBuilder, value: string, labels: readonly string[], indices: readonly number[]): string {
  return builder.mlNode('LabelEncoder', [value], {
    keys_strings: ['', ...labels],
    values_int64s: [missingIndex, ...indices],
    default_int64: unknownIndex,
  });
}

function encodeIntegers(builder: GraphBuilder, value: string, labels: readonly string[], indices: readonly number[]): string {
  const keys = labels.map(Number);
  // Attributes carry numbers of JavaScript; integers beyond 2^53 are matched by their text.
  if (!keys.every(Number.isSafeInteger))
    return encodeTexts(builder, builder.node('Cast', [value], { to: elementTypes.string }), labels, indices);
  // ONNX has no empty attribute lists.
  const isEmpty = keys.length === 0;
  return builder.mlNode('LabelEncoder', [value], {
    keys_int64s: isEmpty ? [0] : keys,
    values_int64s: isEmpty ? [unknownIndex] : indices,
    default_int64: unknownIndex,
  });
}
