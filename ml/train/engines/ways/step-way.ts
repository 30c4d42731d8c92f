import type ort from 'onnxruntime-node';
import type { EngineState } from '../../engine.js';

/** A way of making the steps of a session. All ways make the same steps to the bit, so one can go on where another stopped. */
export interface StepWay<Rows> {
  /** As `EngineSession.runSteps`. */
  runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array>;
  /** @param rows training rows; they are read while steps run */
  useRows(rows: Rows): void;
  /** float32 [P]: what predicts. */
  servedParameters(): ort.Tensor;
  getState(): EngineState;
  setState(state: EngineState): void;
  dispose(): Promise<void>;
}
