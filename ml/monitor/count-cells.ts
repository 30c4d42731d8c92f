import { firstAbove } from './first-above.js';
import type { NumberCounts } from './surprisal.js';

/** Shares of rows in the lower half at which cells end, each about a third more than the one before, at last two hundredths; those of the upper half mirror them. */
const thousandths = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 10, 13, 17, 22, 30, 37, 45, 55, 67, 80];
const lowerShares = [...thousandths.map((share) => share / 1000), ...Array.from({ length: 21 }, (_, i) => 0.1 + 0.02 * i)];
/** Where there are more numeric columns the cells of each become fewer, so that the graph of a wide table does not consist of cells. */
const columnsOfAllCells = 40;
/** Every so many-th share at least is left: one in ten thousand, one in a hundred or so, a tenth, a third. */
const longestStride = 11;

/**
 * Divide a column's values into cells that end at its quantiles, narrower towards the tails, and count the rows in each.
 *
 * @param values float32, NaN is missing; a sample
 * @param ends the least and the largest value of all rows, and how many have one
 * @param columns how many numeric columns there are
 */
export function countCells(
  values: Float32Array,
  ends: { readonly min: number; readonly max: number; readonly present: number },
  columns = 1,
): NumberCounts {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted();
  const missing = values.length - sorted.length;
  if (sorted.length === 0) return { missing, upTo: [], rows: [], min: 0, middle: 0, of: 0 };
  const at = sharesFor(columns).map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const upTo = [...new Set([...at, ends.max])];
  let before = 0;
  const rows = upTo.map((end) => {
    const until = end === ends.max ? sorted.length : firstAbove(sorted, end);
    const count = until - before;
    before = until;
    return count;
  });
  let below = 0;
  const middle = rows.findIndex((count) => (below += count) >= sorted.length / 2);
  return { missing, upTo, rows, min: ends.min, middle, of: ends.present };
}

function sharesFor(columns: number): number[] {
  const stride = Math.min(longestStride, Math.max(1, Math.ceil(columns / columnsOfAllCells)));
  const lower = lowerShares.filter((_, i) => i % stride === 0);
  return [0, ...lower, ...lower.toReversed().map((share) => 1 - share)];
}
