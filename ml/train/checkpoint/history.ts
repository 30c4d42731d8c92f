import type { Metrics } from '../../../contracts/pipeline.js';
import type { MetricPoint } from '../../../contracts/training.js';

const lossPoints = 50;
const validationPoints = 40;

const validationPrefix = 'validation/';

/** The curve of a run, short whatever its length; part of a checkpoint. */
export interface HistoryState {
  readonly points: readonly MetricPoint[];
  /** Sum and number of the losses since the last point. */
  readonly lossSum: number;
  readonly lossCount: number;
}

export const emptyHistory: HistoryState = { points: [], lossSum: 0, lossCount: 0 };

/**
 * Add the losses of consecutive steps: one point with their mean at the end of every window of `totalSteps` / 50 steps.
 * Windows are cut by the step's number, so the curve does not depend on how the steps were cut into calls.
 *
 * @param firstStep number of steps done before `losses`
 */
export function addLosses(history: HistoryState, losses: Float32Array, firstStep: number, totalSteps: number): HistoryState {
  const window = Math.ceil(totalSteps / lossPoints);
  const points = [...history.points];
  let { lossSum, lossCount } = history;
  losses.forEach((loss, i) => {
    lossSum += loss;
    lossCount++;
    const step = firstStep + i + 1;
    if (step % window === 0 || step === totalSteps) {
      points.push({ step, metrics: { loss: lossSum / lossCount } });
      lossSum = 0;
      lossCount = 0;
    }
  });
  return { points, lossSum, lossCount };
}

/**
 * Add a validation's metrics as `validation/<name>`. Of more than 40 epochs only every n-th is kept, with the last.
 *
 * @param epoch number of epochs done, or undefined for a validation in mid-epoch
 */
export function addValidation(
  history: HistoryState,
  metrics: Metrics,
  step: number,
  epoch: number | undefined,
  epochs: number,
): HistoryState {
  const stride = Math.ceil(epochs / validationPoints);
  if (epoch !== undefined && epoch !== epochs && epoch % stride !== 0) return history;
  const named = Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`${validationPrefix}${name}`, value]));
  const last = history.points.at(-1);
  const points =
    last?.step === step
      ? [...history.points.slice(0, -1), { step, metrics: { ...last.metrics, ...named } }]
      : [...history.points, { step, metrics: named }];
  return { ...history, points };
}

/** @returns the newest validation that the curve has, and its step; undefined before the first */
export function newestValidation({ points }: HistoryState): { readonly step: number; readonly metrics: Metrics } | undefined {
  for (const { step, metrics } of points.toReversed()) {
    const named = Object.entries(metrics).filter(([name]) => name.startsWith(validationPrefix));
    if (named.length > 0)
      return { step, metrics: Object.fromEntries(named.map(([name, value]) => [name.slice(validationPrefix.length), value])) };
  }
  return undefined;
}
