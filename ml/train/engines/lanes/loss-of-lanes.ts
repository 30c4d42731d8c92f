/**
 * Training loss of a step, in float32 as a step of a whole mini-batch has it.
 *
 * @param totals weighted losses of each lane, summed up
 * @param weights of each lane's rows, summed up
 */
export function lossOfLanes(totals: Float32Array, weights: Float32Array): number {
  let [total, weight] = [0, 0];
  for (let lane = 0; lane < totals.length; lane++) {
    total = Math.fround(total + totals[lane]);
    weight = Math.fround(weight + weights[lane]);
  }
  return Math.fround(total / weight);
}
