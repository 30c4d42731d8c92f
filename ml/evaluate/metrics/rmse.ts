/** Root mean squared error. @param predicted shape [N] @param target shape [N] */
export function rmse(predicted: Float32Array, target: Float32Array): number {
  let total = 0;
  for (let row = 0; row < target.length; row++) total += (predicted[row] - target[row]) ** 2;
  return Math.sqrt(total / target.length);
}
