import { isLowerBetter, type MetricName, type TrainingSpec } from '../../contracts/pipeline.js';

/** What early stopping remembers between epochs; part of a checkpoint. */
export interface StoppingState {
  /** The value that the next ones must beat by `minDelta`. */
  readonly reference?: number;
  /** Epochs since it was beaten. */
  readonly epochsWaited: number;
}

export const initialStopping: StoppingState = { epochsWaited: 0 };

/**
 * Take one epoch's validation metric in.
 *
 * | value against the reference | reference | epochs waited |
 * |---|---|---|
 * | none yet, or better by more than `minDelta` | the value | 0 |
 * | otherwise | kept, so that many small gains add up | + 1 |
 *
 * @returns the next state; the run should stop when `shouldStop` says so of it
 */
export function observeEpoch(state: StoppingState, metric: MetricName, value: number, minDelta: number): StoppingState {
  const gain = state.reference === undefined ? Infinity : isLowerBetter(metric) ? state.reference - value : value - state.reference;
  return gain > minDelta ? { reference: value, epochsWaited: 0 } : { ...state, epochsWaited: state.epochsWaited + 1 };
}

export function shouldStop(state: StoppingState, spec: TrainingSpec['earlyStopping']): boolean {
  return spec !== undefined && state.epochsWaited >= spec.patience;
}
