import type { Knots } from '../../../contracts/fitted-feature.js';

/** @returns the value at `x`: linear between two knots, that of the outer knot outside */
export function piecewise({ x: places, y: values }: Knots, x: number): number {
  const last = places.length - 1;
  if (!(x > places[0])) return values[0];
  if (x >= places[last]) return values[last];
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (places[middle] <= x) low = middle;
    else high = middle;
  }
  return values[low] + ((x - places[low]) / (places[high] - places[low])) * (values[high] - values[low]);
}

/**
 * Knots from a column's quantiles: the share of values below, brought to [−1, 1].
 *
 * A value that fills several quantiles gets the middle of their shares.
 *
 * @param quantiles not decreasing, at evenly spaced shares from 0 to 1
 */
export function quantileKnots(quantiles: readonly number[]): Knots {
  const share = (i: number) => i / Math.max(1, quantiles.length - 1);
  const x = [...new Set(quantiles)];
  return { x, y: x.map((value) => share(quantiles.indexOf(value)) + share(quantiles.lastIndexOf(value)) - 1) };
}
