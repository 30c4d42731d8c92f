/** Machine epsilon of float32: a float32 probability closer to 0 or 1 says nothing that could be trusted. */
const epsilon = 2 ** -23;

function clippedLog(probability: number): number {
  return Math.log(Math.min(1 - epsilon, Math.max(epsilon, probability)));
}

/**
 * Mean negative log-likelihood, natural logarithm; probabilities are clipped to [ε, 1 − ε] of float32.
 *
 * @param probabilities of the positive class, shape [N]
 * @param labels 0 or 1, shape [N]
 */
export function binaryLogLoss(probabilities: Float32Array, labels: Float32Array): number {
  let total = 0;
  for (let row = 0; row < labels.length; row++) {
    total -= clippedLog(labels[row] === 1 ? probabilities[row] : 1 - probabilities[row]);
  }
  return total / labels.length;
}

/**
 * The same for more than two classes.
 *
 * @param probabilities shape [N, classes]
 * @param labels index of the class, shape [N]
 */
export function multiclassLogLoss(probabilities: Float32Array, labels: Float32Array, classes: number): number {
  let total = 0;
  for (let row = 0; row < labels.length; row++) total -= clippedLog(probabilities[row * classes + labels[row]]);
  return total / labels.length;
}
