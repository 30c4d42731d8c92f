import type { ScheduleSpec } from '../../../contracts/pipeline.js';

/** Share of the steps over which the rate of a cosine rises to its peak; Adam's first steps rest on hardly any statistics. */
const warmupShare = 0.05;
const maxWarmupSteps = 200;

export interface ScheduleLength {
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
}

/**
 * Learning rates of consecutive steps; a pure function of the step's number.
 *
 * A linear warm-up to the peak, then by kind: `constant`: the peak. `cosine`: half a cosine from the peak down to `final` times the
 * peak, reached just after the last step. `step`: peak · factor^⌊epochs done / everyEpochs⌋. The two names alone: `constant` without
 * a warm-up, `cosine` with one over 5 % of the steps (at most 200), down to zero.
 *
 * @param peak the `learningRate` of the pipeline
 * @param length of the schedule
 * @param firstStep number of steps done before
 * @returns shape [count]
 * @see Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts"
 */
export function learningRates(
  schedule: ScheduleSpec,
  peak: number,
  length: ScheduleLength,
  firstStep: number,
  count: number,
): Float32Array {
  const plan = typeof schedule === 'string' ? { kind: schedule, final: 0 } : schedule;
  const warmup = warmupSteps(schedule, length.totalSteps);
  return Float32Array.from({ length: count }, (_, i) => {
    const step = firstStep + i;
    if (step < warmup) return (peak * (step + 1)) / warmup;
    switch (plan.kind) {
      case 'constant':
        return peak;
      case 'cosine': {
        const share = 1 + Math.cos((Math.PI * (step - warmup)) / Math.max(1, length.totalSteps - warmup));
        return plan.final === 0 ? (peak / 2) * share : peak * (plan.final + ((1 - plan.final) / 2) * share);
      }
      case 'step':
        return peak * plan.factor ** Math.floor(step / length.stepsPerEpoch / plan.everyEpochs);
    }
  });
}

function warmupSteps(schedule: ScheduleSpec, totalSteps: number): number {
  const { kind, warmupSteps: asked } = typeof schedule === 'string' ? { kind: schedule, warmupSteps: undefined } : schedule;
  return asked ?? (kind === 'cosine' ? Math.min(maxWarmupSteps, Math.ceil(totalSteps * warmupShare)) : 0);
}
