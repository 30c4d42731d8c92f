import type { FittedTransform } from '../../contracts/dataset.js';
import type { AnomalyScore, NumberSurprise, Staircase } from '../../contracts/training-profile.js';
import { elementTypes, type GraphBuilder } from '../graph/onnx-builder.js';
import { lowerStaircases } from '../graph/staircases.js';
import { type ScoredColumns, scoredColumns } from './scored-columns.js';

/**
 * Write the anomaly score of a row into a graph that has its raw inputs, in [0, 1]: the share of training rows that are less
 * unusual. Defined for every input; an infinite number is one that is far out.
 *
 * What indices add is looked up in a table, what numbers add is a comparison tree for each, and one more places the sum: six nodes,
 * a few microseconds a call. A tree for indices, too, would be a node less, and slower from some rows on.
 *
 * @param categorical name of the int32 [N, C] matrix of `lowerTransform`, where there is one
 * @param output name of the float32 [N, 1] value
 */
export function lowerAnomalyScore(
  builder: GraphBuilder,
  transform: Pick<FittedTransform, 'features' | 'inputs' | 'layout'>,
  score: AnomalyScore,
  categorical: string | undefined,
  output: string,
): void {
  const columns = scoredColumns(transform);
  const ofNumbers = lowerNumbers(builder, columns, score); // float32 [N, 1]
  const ofIndices = lowerIndices(builder, columns, transform, score, categorical); // float32 [N, C] and [N, 1] each
  lowerStaircases(builder, lowerSum(builder, ofNumbers, ofIndices), [{ column: 0, staircase: score.scale }], output);
}

function lowerNumbers(builder: GraphBuilder, { numbers }: ScoredColumns, score: AnomalyScore): string | undefined {
  if (numbers.length === 0) return undefined;
  const raw = numbers.map(({ name }) => builder.node('Cast', [name], { to: elementTypes.float32 })); // [N, 1] each
  const matrix = raw.length === 1 ? raw[0] : builder.node('Concat', raw, { axis: 1 }); // float32 [N, V]
  const staircases = numbers.map(({ name }, column) => ({
    column,
    staircase: withMissing(score.numbers.find(({ input }) => input === name)!),
  }));
  return lowerStaircases(builder, matrix, staircases);
}

interface Part {
  readonly value: string;
  readonly width: number;
}

function lowerIndices(
  builder: GraphBuilder,
  { indices }: ScoredColumns,
  { layout }: Pick<FittedTransform, 'layout'>,
  score: AnomalyScore,
  categorical: string | undefined,
): Part[] {
  const valuesOf = (feature: string | undefined) => score.indices.find((index) => index.feature === feature)?.values;
  const parts: Part[] = [];
  if (indices.some(({ position }) => position !== undefined)) {
    const scored = new Set(indices.flatMap(({ position }) => position ?? []));
    const offsets: number[] = [];
    const table: number[] = [];
    // Columns that are not scored add nothing.
    layout.categorical.forEach(({ name, size }, position) => {
      offsets.push(table.length);
      for (const value of scored.has(position) ? valuesOf(name)! : Array<number>(size).fill(0)) table.push(value);
    });
    const places =
      offsets.length === 1 ? categorical! : builder.node('Add', [categorical!, builder.constant('int32', offsets, [1, offsets.length])]);
    parts.push({ value: builder.node('Gather', [builder.constant('float32', table), places]), width: offsets.length });
  }
  for (const { feature, lower } of indices)
    if (lower) parts.push({ value: builder.node('Gather', [builder.constant('float32', valuesOf(feature)!), lower(builder)]), width: 1 });
  return parts;
}

/** @returns name of a float32 [N, 1] value; the terms are such that it is exact in any order */
function lowerSum(builder: GraphBuilder, numbers: string | undefined, indices: readonly Part[]): string {
  if (indices.length === 0) return numbers!;
  const values = indices.map(({ value }) => value);
  const matrix = values.length === 1 ? values[0] : builder.node('Concat', values, { axis: 1 });
  const width = indices.reduce((sum, part) => sum + part.width, 0);
  const ones = builder.constant('float32', new Float32Array(width).fill(1), [width, 1]);
  return builder.node('Gemm', numbers === undefined ? [matrix, ones] : [matrix, ones, numbers]); // [N, 1]
}

/** NaN goes past all comparisons, that with infinity included. */
function withMissing({ present: { upTo, values }, missing }: NumberSurprise): Staircase {
  return { upTo: [...upTo, Number.POSITIVE_INFINITY], values: [...values, missing] };
}
