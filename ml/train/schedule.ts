import type { TrainingSpec } from '../../contracts/pipeline.js';

/** Share of the steps over which the rate rises to its peak; Adam's first steps rest on hardly any statistics. */
const warmupShare = 0.05;
const maxWarmupSteps = 200;

/**
 * Learning rates of consecutive steps; a pure function of the step's number.
 *
 * `constant`: the peak throughout. `cosine`: a linear warm-up over 5 % of the steps (at most 200), then half a cosine
 * down to zero just after the last step.
 *
 * @param peak the `learningRate` of the pipeline
 * @param totalSteps length of the schedule
 * @param firstStep number of steps done before
 * @returns shape [count]
 * @see Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts"
 */
export function learningRates(
  schedule: TrainingSpec['schedule'],
  peak: number,
  totalSteps: number,
  firstStep: number,
  count: number,
): Float32Array {
  const rates = new Float32Array(count);
  if (schedule === 'constant') return rates.fill(peak);
  const warmup = Math.min(maxWarmupSteps, Math.ceil(totalSteps * warmupShare));
  for (let i = 0; i < count; i++) {
    const step = firstStep + i;
    if (step < warmup) rates[i] = (peak * (step + 1)) / warmup;
    else rates[i] = (peak / 2) * (1 + Math.cos((Math.PI * (step - warmup)) / Math.max(1, totalSteps - warmup)));
  }
  return rates;
}
