/**
 * Weights that give every class the same share of the loss: N / (classes · N_class).
 *
 * @param target index of the class, shape [N]
 * @returns shape [classes]; 0 for a class without rows
 */
export function balancedClassWeights(target: Float32Array, classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const label of target) counts[label]++;
  return counts.map((count) => (count === 0 ? 0 : target.length / (classes * count)));
}
