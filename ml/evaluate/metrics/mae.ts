/** Mean absolute error. @param predicted shape [N] @param target shape [N] */
export function mae(predicted: Float32Array, target: Float32Array): number {
  let total = 0;
  for (let row = 0; row < target.length; row++) total += Math.abs(predicted[row] - target[row]);
  return total / target.length;
}
