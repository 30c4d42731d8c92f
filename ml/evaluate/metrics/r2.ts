/**
 * Coefficient of determination: 1 − residual sum of squares / total sum of squares.
 *
 * @param predicted shape [N]
 * @param target shape [N]
 * @returns NaN when the target is constant
 */
export function r2(predicted: Float32Array, target: Float32Array): number {
  let sum = 0;
  for (const value of target) sum += value;
  const mean = sum / target.length;
  let residual = 0;
  let total = 0;
  for (let row = 0; row < target.length; row++) {
    residual += (predicted[row] - target[row]) ** 2;
    total += (target[row] - mean) ** 2;
  }
  return total === 0 ? Number.NaN : 1 - residual / total;
}
