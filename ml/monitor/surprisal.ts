import type { Staircase } from '../../contracts/training-profile.js';
import { float32Max } from '../data/transform/transform-kind.js';

/** So far beyond the outermost value, in distances from the median to that value, the surprisal takes its next steps. */
const beyondSteps = [0.25, 0.5, 1, 4, 16] as const;

/** Share of rows, of which one more than were seen are thought to be; never 0. */
function smoothed(rows: number, of: number): number {
  return (rows + 1) / (of + 1);
}

/**
 * Surprisal of each index of a categorical column: −ln of the share of rows whose index is at most as frequent.
 *
 * So a column of three hundred equally frequent values surprises no more than one of two, and what was never seen surprises by
 * ln(rows + 1). It is the p-value of a test whose critical region takes the rarest values first.
 *
 * @param rows by index
 */
export function indexSurprisals(rows: readonly number[]): number[] {
  const total = rows.reduce((sum, count) => sum + count, 0);
  const ascending = rows.toSorted((a, b) => a - b);
  const atMost = new Map<number, number>();
  let sum = 0;
  for (const count of ascending) atMost.set(count, (sum += count));
  return rows.map((count) => -Math.log(smoothed(atMost.get(count)!, total)));
}

/** A numeric column in the training rows, in float32. */
export interface NumberCounts {
  readonly missing: number;
  /** Increasing; the last one is the largest value. */
  readonly upTo: readonly number[];
  /** Rows with a value up to and with `upTo[i]`, and above the one before. */
  readonly rows: readonly number[];
  readonly min: number;
  /** The cell (a position in `upTo`) in which the median lies. */
  readonly middle: number;
  /** Values that `min` and the last of `upTo` are the ends of; those that are counted may be a sample of them. */
  readonly of: number;
}

/**
 * Surprisal of a number by its cell: −ln min(1, 2 · the smaller of the two tails that begin with the cell), as ECOD takes the tails
 * of the empirical distribution. Beyond the outermost values it grows with the distance, as the tail of an exponential distribution
 * that loses from the median to that value what the training rows lose.
 *
 * A missing value and a present one are two categories to begin with: the rarer one is as surprising as its share says, the other
 * one not at all.
 *
 * @see Li et al. 2022, "ECOD: Unsupervised Outlier Detection Using Empirical Cumulative Distribution Functions"
 */
export function numberSurprisals({ missing, upTo, rows, min, middle, of }: NumberCounts): {
  readonly present: Staircase;
  readonly missing: number;
} {
  const present = rows.reduce((sum, count) => sum + count, 0);
  const isRare = missing <= present;
  const missingSurprisal = isRare ? -Math.log(smoothed(missing, missing + present)) : 0;
  const ofPresent = isRare ? 0 : -Math.log(smoothed(present, missing + present));
  if (present === 0) return { present: { upTo: [], values: [ofPresent] }, missing: missingSurprisal };
  let below = 0;
  const within = rows.map((count) => {
    const left = smoothed(below + count, present);
    const right = smoothed(present - below, present);
    below += count;
    return -Math.log(Math.min(1, 2 * left, 2 * right));
  });
  const never = Math.max(0, -Math.log(Math.min(1, 2 / (of + 1))));
  const median = upTo[middle];
  const max = upTo[upTo.length - 1];
  const belowMin = floatBefore(min);
  const low = beyond(min, median - min, -1)
    .toReversed()
    .map((place) => Math.min(place, belowMin));
  const high = beyond(max, max - median, 1);
  const outside = [0, ...beyondSteps].map((step) => never * (1 + step));
  // What lies below the least value is found by the float before it.
  const places = [...low, belowMin, ...upTo, ...high];
  const values = [...outside.toReversed(), ...within, ...outside];
  return {
    present: increasing(
      places,
      values.map((value) => value + ofPresent),
    ),
    missing: missingSurprisal,
  };
}

/** Places at which the surprisal grows, outward from an end. */
function beyond(end: number, distance: number, sign: 1 | -1): number[] {
  // All rows have that one value: a change by its own size is a distance.
  const unit = distance > 0 ? distance : Math.max(Math.abs(end), 1);
  return beyondSteps.map((step) => Math.fround(end + sign * step * unit));
}

/** One step for places that float32 does not tell apart, the lower one; none for what it cannot hold. */
function increasing(places: readonly number[], values: readonly number[]): Staircase {
  const upTo: number[] = [];
  const kept: number[] = [];
  places.forEach((place, i) => {
    const last = upTo.length - 1;
    if (!Number.isFinite(place)) return;
    if (last >= 0 && place <= upTo[last]) kept[last] = Math.min(kept[last], values[i]);
    else {
      upTo.push(place);
      kept.push(values[i]);
    }
  });
  return { upTo, values: [...kept, values[values.length - 1]] };
}

/** @returns the value of a staircase at `x` */
export function stairAt({ upTo, values }: Staircase, x: number): number {
  let [low, high] = [0, upTo.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x <= upTo[middle]) high = middle;
    else low = middle + 1;
  }
  return values[low];
}

const bits = new DataView(new ArrayBuffer(4));

/** @returns the largest float32 below a finite one */
export function floatBefore(x: number): number {
  if (x === 0) return -(2 ** -149);
  bits.setFloat32(0, x);
  bits.setInt32(0, bits.getInt32(0) + (x > 0 ? -1 : 1));
  return bits.getFloat32(0);
}

/** @returns a number as the graph sees it; what float32 cannot hold is its largest number */
export function toFloat32(x: number): number {
  return Math.fround(Math.max(-float32Max, Math.min(float32Max, x)));
}

/**
 * @returns the square of a surprisal, as a multiple of 1/256: sums of such are exact in float32 up to 2^16, in any order, so that equal
 *   rows have equal sums in every process
 */
export function squared(surprisal: number): number {
  return Math.round(surprisal * surprisal * 256) / 256;
}
