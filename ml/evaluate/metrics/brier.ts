/**
 * Brier score: mean squared difference between the probability of the positive class and the label.
 *
 * @param probabilities shape [N]
 * @param labels 0 or 1, shape [N]
 */
export function binaryBrier(probabilities: Float32Array, labels: Float32Array): number {
  let total = 0;
  for (let row = 0; row < labels.length; row++) total += (probabilities[row] - labels[row]) ** 2;
  return total / labels.length;
}

/**
 * Brier's original score: the squared differences summed over all classes, in [0, 2].
 *
 * @param probabilities shape [N, classes]
 * @param labels index of the class, shape [N]
 * @see Brier 1950, "Verification of forecasts expressed in terms of probability"
 */
export function multiclassBrier(probabilities: Float32Array, labels: Float32Array, classes: number): number {
  let total = 0;
  for (let row = 0; row < labels.length; row++) {
    for (let k = 0; k < classes; k++) total += (probabilities[row * classes + k] - (labels[row] === k ? 1 : 0)) ** 2;
  }
  return total / labels.length;
}
