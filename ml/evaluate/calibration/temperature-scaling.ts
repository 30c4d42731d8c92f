/** Calibrated probabilities = softmax(scale · logits); `scale` is the inverse of the temperature. */
export interface TemperatureScaling {
  readonly scale: number;
}

const maxIterations = 50;
/** Beyond these the probabilities are one-hot or uniform to float32. */
const smallest = 1e-3;
const largest = 1e3;

/**
 * Fit the temperature of a softmax by Newton's method on the (convex) log-loss, kept within [1e-3, 1e3].
 *
 * Each row counts for its class with (N + 1) / (N + 2) and for the others together with the rest, by the rule of succession
 * and as in Platt's scaling: N rows that are all told right do not make the next one certain.
 *
 * @param logits shape [N, classes], finite
 * @param labels index of the class, shape [N]
 * @see Guo et al. 2017, "On calibration of modern neural networks"
 */
export function fitTemperature(logits: Float32Array, labels: Float32Array, classes: number): TemperatureScaling {
  let low = smallest;
  let high = largest;
  let scale = 1;
  const doubt = 1 / (labels.length + 2);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    let gradient = 0;
    let curvature = 0;
    for (let row = 0; row < labels.length; row++) {
      const at = row * classes;
      let max = -Infinity;
      for (let k = 0; k < classes; k++) max = Math.max(max, logits[at + k]);
      let sum = 0;
      let mean = 0;
      let square = 0;
      let total = 0;
      for (let k = 0; k < classes; k++) {
        const shifted = logits[at + k] - max;
        const weight = Math.exp(scale * shifted);
        sum += weight;
        total += shifted;
        mean += weight * shifted;
        square += weight * shifted * shifted;
      }
      mean /= sum;
      const given = logits[at + labels[row]] - max;
      gradient += mean - (1 - doubt) * given - (doubt * (total - given)) / Math.max(1, classes - 1);
      curvature += square / sum - mean * mean;
    }
    // The sign of the gradient brackets the minimum; a Newton step that leaves the bracket becomes a bisection.
    if (gradient > 0) high = scale;
    else low = scale;
    const newton = scale - gradient / curvature;
    const next = newton > low && newton < high ? newton : Math.sqrt(low * high);
    if (Math.abs(next - scale) <= 1e-10 * scale) break;
    scale = next;
  }
  return { scale };
}
