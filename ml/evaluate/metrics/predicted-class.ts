/**
 * @param probabilities of the positive class, shape [N]
 * @returns 1 from `threshold` on, else 0; shape [N]
 */
export function classAtThreshold(probabilities: Float32Array, threshold: number): Int32Array {
  const predicted = new Int32Array(probabilities.length);
  // The exported graph compares in float32.
  const limit = Math.fround(threshold);
  for (let row = 0; row < predicted.length; row++) predicted[row] = probabilities[row] >= limit ? 1 : 0;
  return predicted;
}

/**
 * @param probabilities shape [N, classes]
 * @returns index of the most probable class, the first of equal ones; shape [N]
 */
export function mostProbableClass(probabilities: Float32Array, classes: number): Int32Array {
  const predicted = new Int32Array(probabilities.length / classes);
  for (let row = 0; row < predicted.length; row++) {
    let best = 0;
    for (let k = 1; k < classes; k++) if (probabilities[row * classes + k] > probabilities[row * classes + best]) best = k;
    predicted[row] = best;
  }
  return predicted;
}
