/** Rows whose predicted probability is in [from, until), or [from, 1] in the last bin. */
export interface CalibrationBin {
  readonly from: number;
  readonly until: number;
  readonly rows: number;
  /** 0 in an empty bin. */
  readonly meanPredicted: number;
  /** Share of positive rows; 0 in an empty bin. */
  readonly observed: number;
}

/**
 * Compare predicted probabilities with observed frequencies in bins of equal width.
 *
 * @param probabilities of the positive class, shape [N]
 * @param labels 0 or 1, shape [N]
 */
export function calibrationBins(probabilities: Float32Array, labels: Float32Array, count = 15): CalibrationBin[] {
  const rows = new Float64Array(count);
  const predicted = new Float64Array(count);
  const positive = new Float64Array(count);
  for (let row = 0; row < labels.length; row++) {
    const bin = Math.min(count - 1, Math.floor(probabilities[row] * count));
    rows[bin]++;
    predicted[bin] += probabilities[row];
    positive[bin] += labels[row];
  }
  return Array.from({ length: count }, (_, bin) => ({
    from: bin / count,
    until: (bin + 1) / count,
    rows: rows[bin],
    meanPredicted: rows[bin] === 0 ? 0 : predicted[bin] / rows[bin],
    observed: rows[bin] === 0 ? 0 : positive[bin] / rows[bin],
  }));
}

/**
 * Expected calibration error: the mean gap between predicted and observed, weighted by the rows of each bin.
 *
 * @see Naeini, Cooper, Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning"
 */
export function expectedCalibrationError(bins: readonly CalibrationBin[]): number {
  let total = 0;
  let rows = 0;
  for (const bin of bins) {
    total += bin.rows * Math.abs(bin.observed - bin.meanPredicted);
    rows += bin.rows;
  }
  return total / rows;
}
