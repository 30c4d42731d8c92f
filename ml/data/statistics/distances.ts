/**
 * Distances between two distributions that are given as counts. All of them are pure, symmetric, 0 for equal shares, and
 * NaN when one side has no rows: there is nothing to compare.
 */

/**
 * Largest difference between the shares of a category, in [0, 1].
 *
 * @param a rows (or weight) by category, not negative; need not sum to 1. A category that one side lacks counts 0 there
 * @see TensorFlow Data Validation, `drift_comparator.infinity_norm` and `skew_comparator.infinity_norm`
 */
export function lInfinityDistance(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  const totals = [sumOf(a.values()), sumOf(b.values())];
  if (totals.includes(0)) return Number.NaN;
  let distance = 0;
  for (const category of new Set([...a.keys(), ...b.keys()])) {
    const difference = Math.abs((a.get(category) ?? 0) / totals[0] - (b.get(category) ?? 0) / totals[1]);
    distance = Math.max(distance, difference);
  }
  return distance;
}

/**
 * Jensen–Shannon divergence with logarithms of base 2, in [0, 1]: 1 when no bin has rows of both.
 *
 * @param p rows (or weight) by bin, not negative; need not sum to 1
 * @param q the same bins as `p`, in the same order
 * @throws RangeError when the two have not as many bins
 * @see Lin 1991, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37
 */
export function jensenShannonDivergence(p: readonly number[], q: readonly number[]): number {
  if (p.length !== q.length) throw new RangeError(`${p.length} bins cannot be compared with ${q.length}; count both with the same edges.`);
  const totals = [sumOf(p), sumOf(q)];
  if (totals.includes(0)) return Number.NaN;
  let divergence = 0;
  for (const [bin, weight] of p.entries()) {
    const left = weight / totals[0];
    const right = q[bin] / totals[1];
    const middle = (left + right) / 2;
    // Summed by bin, so that equal shares give exactly 0 and the two orders of the arguments equal bits.
    divergence += (surprise(left, middle) + surprise(right, middle)) / 2;
  }
  return Math.min(1, Math.max(0, divergence));
}

function surprise(share: number, middle: number): number {
  return share === 0 ? 0 : share * Math.log2(share / middle);
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
