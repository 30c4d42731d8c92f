/**
 * The larger of two shares λ and 1 − λ, λ ~ Beta(alpha, alpha), at the middle of each of `count` equally likely parts: drawing one
 * of them at random draws the share.
 *
 * Integrates the density from λ = 0 to ½ in s, λ = ½ s^p, where p takes the pole out that the density has for alpha < 1.
 *
 * @returns ascending, in [½, 1], shape [count]
 */
export function betaQuantiles(alpha: number, count: number): Float32Array {
  const cells = 16 * count;
  const power = Math.max(1, 1 / alpha);
  const logLambda = (s: number) => power * Math.log(s) - Math.LN2;
  const cumulative = new Float64Array(cells + 1);
  for (let i = 0; i < cells; i++) {
    const s = (i + 0.5) / cells;
    const log = logLambda(s);
    const logDensity = (alpha - 1) * (log + Math.log1p(-Math.exp(log)) + 2 * Math.LN2) + (power - 1) * Math.log(s);
    cumulative[i + 1] = cumulative[i] + Math.exp(logDensity);
  }
  const quantiles = new Float32Array(count);
  let cell = 0;
  for (let i = 0; i < count; i++) {
    const wanted = ((i + 0.5) / count) * cumulative[cells];
    while (cumulative[cell + 1] < wanted) cell++;
    const s = (cell + (wanted - cumulative[cell]) / (cumulative[cell + 1] - cumulative[cell])) / cells;
    quantiles[count - 1 - i] = 1 - Math.exp(logLambda(s));
  }
  return quantiles;
}
