import type { EngineState } from '../../engine.js';
import type { Numbers } from './lane-gradient.js';

/** A way of making the steps of a session in lanes. All ways make the same steps to the bit, so one can go on where another stopped. */
export interface LaneWay {
  /** As `EngineSession.runSteps`. */
  runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array>;
  /** @param matrices of the training rows, in the order of `matrixShapes`; they are read while steps run */
  useRows(matrices: readonly Numbers[]): void;
  getState(): EngineState;
  setState(state: EngineState): void;
  dispose(): Promise<void>;
}

/**
 * Training loss of a step, in float32 as a step of a whole mini-batch has it.
 *
 * @param totals weighted losses of each lane, summed up
 * @param weights of each lane's rows, summed up
 */
export function lossOfLanes(totals: Float32Array, weights: Float32Array): number {
  let [total, weight] = [0, 0];
  for (let lane = 0; lane < totals.length; lane++) {
    total = Math.fround(total + totals[lane]);
    weight = Math.fround(weight + weights[lane]);
  }
  return Math.fround(total / weight);
}
