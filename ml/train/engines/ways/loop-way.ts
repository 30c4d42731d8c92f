import type ort from 'onnxruntime-node';
import type { EngineState } from '../../engine.js';
import type { StepLoop } from '../step-loop.js';
import type { StepWay } from './step-way.js';

/** A way of which one graph makes many steps at a time, and holds the state. Blocks the thread. */
export abstract class LoopWay<Rows> implements StepWay<Rows> {
  /** @param loop is closed with this */
  constructor(protected readonly loop: StepLoop) {}

  abstract runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array>;
  abstract useRows(rows: Rows): void;

  servedParameters(): ort.Tensor {
    return this.loop.servedParameters;
  }

  getState(): EngineState {
    return this.loop.getState();
  }

  setState(state: EngineState): void {
    this.loop.setState(state);
  }

  dispose(): Promise<void> {
    return this.loop.dispose();
  }
}
