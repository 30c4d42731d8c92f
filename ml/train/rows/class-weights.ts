/**
 * Weights that give every class the same share of the loss: N / (classes · N_class).
 *
 * @param counts rows that an epoch visits of each class, shape [classes]
 * @returns shape [classes]; 0 for a class without rows
 */
export function balancedClassWeights(counts: readonly number[]): number[] {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (count === 0 ? 0 : rows / (counts.length * count)));
}
