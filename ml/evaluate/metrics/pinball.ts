/**
 * Mean pinball loss of predicted quantiles over rows and quantiles: max(τ · e, (τ − 1) · e), e = actual − predicted.
 *
 * @param predicted shape [N, quantiles]
 * @param actual shape [N]
 * @see Koenker and Bassett 1978, "Regression Quantiles"
 */
export function pinball(predicted: Float32Array, actual: Float32Array, quantiles: readonly number[]): number {
  let total = 0;
  for (let row = 0; row < actual.length; row++) {
    quantiles.forEach((quantile, k) => {
      const error = actual[row] - predicted[row * quantiles.length + k];
      total += Math.max(quantile * error, (quantile - 1) * error);
    });
  }
  return total / predicted.length;
}

/**
 * Share of the rows whose value lies between the lowest and the highest predicted quantile, ends included; 0.8 is meant by the
 * quantiles 0.1 and 0.9.
 *
 * @param predicted shape [N, quantiles], ascending in each row
 * @returns NaN for a single quantile, which spans nothing
 */
export function coverage(predicted: Float32Array, actual: Float32Array, width: number): number {
  if (width < 2) return Number.NaN;
  const within = actual.reduce(
    (count, value, row) => count + Number(value >= predicted[row * width] && value <= predicted[(row + 1) * width - 1]),
    0,
  );
  return within / actual.length;
}
