/** Calibrated probability = sigmoid(slope · logit + intercept). */
export interface PlattScaling {
  readonly slope: number;
  readonly intercept: number;
}

const maxIterations = 100;

/**
 * Fit Platt scaling by Newton's method with step halving.
 *
 * The targets are Platt's smoothed ones, so the fit is finite for separable or one-class data too. Logits that fall where the
 * labels rise are left as they are: a calibration that turned their order around would hide that nothing was learned, and an
 * untrained network could look like the best one.
 *
 * @param logits shape [N], finite
 * @param labels 0 or 1, shape [N]
 * @see Lin, Lin, Weng 2007, "A note on Platt's probabilistic outputs for support vector machines"
 */
export function fitPlattScaling(logits: Float32Array, labels: Float32Array): PlattScaling {
  const rows = labels.length;
  let positives = 0;
  for (const label of labels) if (label === 1) positives++;
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (rows - positives + 2);

  const loss = (slope: number, intercept: number): number => {
    let total = 0;
    for (let row = 0; row < rows; row++) {
      const z = slope * logits[row] + intercept;
      // log(1 + e^z) − t·z, without overflow.
      total += (z > 0 ? z + Math.log1p(Math.exp(-z)) : Math.log1p(Math.exp(z))) - (labels[row] === 1 ? high : low) * z;
    }
    return total;
  };

  let slope = 0;
  let intercept = Math.log((positives + 1) / (rows - positives + 1));
  let current = loss(slope, intercept);
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    // Gradient (g1, g2) and Hessian [[h11, h12], [h12, h22]].
    let g1 = 0;
    let g2 = 0;
    let h11 = 0;
    let h12 = 0;
    let h22 = 0;
    for (let row = 0; row < rows; row++) {
      const x = logits[row];
      const p = 1 / (1 + Math.exp(-(slope * x + intercept)));
      const error = p - (labels[row] === 1 ? high : low);
      const weight = p * (1 - p);
      g1 += error * x;
      g2 += error;
      h11 += weight * x * x;
      h12 += weight * x;
      h22 += weight;
    }
    const ridge = 1e-12 * (h11 + h22 + 1e-300);
    const determinant = (h11 + ridge) * (h22 + ridge) - h12 * h12;
    const stepSlope = ((h22 + ridge) * g1 - h12 * g2) / determinant;
    const stepIntercept = ((h11 + ridge) * g2 - h12 * g1) / determinant;
    let factor = 1;
    let next = loss(slope - stepSlope, intercept - stepIntercept);
    while (next > current && factor > 1e-6) {
      factor /= 2;
      next = loss(slope - factor * stepSlope, intercept - factor * stepIntercept);
    }
    if (!(next <= current)) break;
    slope -= factor * stepSlope;
    intercept -= factor * stepIntercept;
    const gained = current - next;
    current = next;
    if (gained <= 1e-12 * Math.abs(current)) break;
  }
  const isReversed = slope < 0 && positives > 0 && positives < rows;
  return isReversed ? { slope: 1, intercept: 0 } : { slope, intercept };
}
