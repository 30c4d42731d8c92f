import type { Staircase } from '../../contracts/training-profile.js';
import { firstAbove } from './first-above.js';

/** Steps of the score: two hundred even ones, and above 0.99 ten for each factor of ten in what is left to 1. */
const evenSteps = 198;
const topShare = 0.01;
/** Beyond the most unusual training row what is left to 1 is halved so often; a float32 hardly sees more. */
const halvings = 12;

/**
 * From the sum of a row's squared surprisals to its score: the share of training rows whose sum is smaller. Beyond the largest sum
 * what is left to 1 falls as for one column whose surprisal alone makes up the sum, and ends at 1.
 *
 * @param sums of training rows, float32, in any order; at least one
 */
export function scoreScale(sums: Float32Array): Staircase {
  const sorted = sums.toSorted();
  const rows = sorted.length;
  const upTo: number[] = [];
  const values: number[] = [];
  let below = 0;
  for (const share of shares(rows)) {
    const place = sorted[Math.min(rows - 1, Math.ceil(share * rows) - 1)];
    if (upTo.length > 0 && place <= upTo[upTo.length - 1]) continue;
    upTo.push(place);
    values.push(below / rows);
    below = firstAbove(sorted, place);
  }
  const largest = sorted[rows - 1];
  for (let i = 1; i <= halvings; i++) {
    const place = Math.fround((Math.sqrt(largest) + i * Math.LN2) ** 2);
    if (place <= upTo[upTo.length - 1]) continue;
    upTo.push(place);
    values.push(1 - 2 ** (1 - i) / (rows + 1));
  }
  return { upTo, values: [...values, 1] };
}

function shares(rows: number): number[] {
  const even = Array.from({ length: evenSteps }, (_, i) => (i + 1) / 200);
  const steps = Math.max(0, Math.ceil(10 * Math.log10(rows * topShare)));
  const top = Array.from({ length: steps }, (_, i) => 1 - topShare * 10 ** (-i / 10));
  return [...even, ...top, 1];
}
