/** How a trial stands at the end of a rung. */
export interface RungResult {
  /** Number of the trial. */
  readonly trial: number;
  /** The primary metric; NaN or absent when it diverged or failed. */
  readonly value?: number;
}

/**
 * Choose which trials of a rung go on (synchronous successive halving).
 *
 * Pure: no clock, no randomness, no I/O, so it is safe in a workflow and on replay. The order of `results` does not
 * matter; of equal values the lower trial number goes first.
 *
 * @param results every trial of the rung, also those that failed
 * @param eta reduction factor, integer ≥ 2
 * @returns trial numbers, best first: ⌊n / eta⌋ of n trials, at least one, and never one without a finite value
 * @see Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization"
 */
export function selectSurvivors(results: readonly RungResult[], eta: number, lowerIsBetter: boolean): number[] {
  const places = Math.max(1, Math.floor(results.length / eta));
  return rankTrials(results, lowerIsBetter).slice(0, places);
}

/** @returns numbers of the trials with a finite value, best first */
export function rankTrials(results: readonly RungResult[], lowerIsBetter: boolean): number[] {
  const sign = lowerIsBetter ? 1 : -1;
  return results
    .filter((result): result is Required<RungResult> => result.value !== undefined && Number.isFinite(result.value))
    .sort((a, b) => sign * (a.value - b.value) || a.trial - b.trial)
    .map((result) => result.trial);
}
