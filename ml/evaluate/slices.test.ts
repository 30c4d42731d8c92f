import { describe, expect, it } from '@jest/globals';
import type { Predictions } from './metrics/metrics.js';
import { sliceMetrics } from './slices.js';

/** `sizes[code]` rows of each value; a row of value c is predicted right with a margin that shrinks with c. */
function sliced(sizes: readonly number[]): { predictions: Predictions; codes: Int32Array; values: string[] } {
  const codes = Int32Array.from(sizes.flatMap((size, code) => Array<number>(size).fill(code)));
  const actual = Float32Array.from(codes, (_, row) => row % 2);
  const predicted = Float32Array.from(codes, (code, row) => 0.5 + (row % 2 === 0 ? -1 : 1) * (0.4 / (code + 1)));
  return {
    predictions: { task: 'binary', classes: 2, predicted, actual, threshold: 0.5 },
    codes,
    values: sizes.map((_, code) => `v${code}`),
  };
}

describe('sliceMetrics', () => {
  it('leaves values with fewer than 100 rows and rows without a value out', () => {
    const { predictions, codes, values } = sliced([99, 100, 120]);
    codes.fill(-1, 199, 200);
    const slices = sliceMetrics(predictions, { name: 'origin', values, codes }, 'logLoss');
    expect(slices.map(({ value, rows }) => [value, rows])).toEqual([
      ['v2', 119],
      ['v1', 100],
    ]);
  });

  it('measures only the rows of the slice', () => {
    const { predictions, codes, values } = sliced([100, 100]);
    predictions.actual.fill(0, 100, 200);
    const [first, second] = sliceMetrics(predictions, { name: 'origin', values, codes }, 'accuracy');
    expect(first).toMatchObject({ value: 'v1', metrics: { accuracy: 0.5 } });
    expect(second).toMatchObject({ value: 'v0', metrics: { accuracy: 1 } });
  });

  it('keeps the worst and the largest of more than 50 values', () => {
    const { predictions, codes, values } = sliced(Array.from({ length: 60 }, (_, code) => (code < 3 ? 300 : 100)));
    const slices = sliceMetrics(predictions, { name: 'origin', values, codes }, 'logLoss');
    expect(slices).toHaveLength(50);
    const kept = slices.map((slice) => slice.value);
    expect(kept.slice(0, 25)).toEqual(Array.from({ length: 25 }, (_, i) => `v${59 - i}`));
    expect(kept).toEqual(expect.arrayContaining(['v0', 'v1', 'v2']));
  });
});
