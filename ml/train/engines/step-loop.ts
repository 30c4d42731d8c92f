import ort from 'onnxruntime-node';
import type { Network } from '../../models/network.js';
import { randomKeysOfSteps } from '../../models/random-keys.js';
import {
  checkState,
  initialState,
  servedParameters,
  type StateOf,
  stateOf,
  type StateVector,
  stateVectors,
} from '../checkpoint/engine-state.js';
import type { EngineState, NetworkPlan } from '../engine.js';
import { stepScalarCount, stepScalars } from '../optimizer/optimizer.js';
import { randomStreams } from './training-step.js';

/** A session on a graph of `buildStepLoop`, and what its steps carry. `run` blocks the thread. */
export class StepLoop {
  private readonly vectors: readonly StateVector[];
  private state: StateOf<ort.Tensor>;

  constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private readonly session: ort.InferenceSession,
  ) {
    this.vectors = stateVectors(plan.optimizer, network);
    this.state = this.toTensors(initialState(plan.optimizer, network));
  }

  /**
   * Make K steps.
   *
   * @param learningRates [K]
   * @param firstStep number of steps done before
   * @param rows what the graph reads of them
   * @returns the graph's outputs beside the state, of which the next steps start
   */
  async run(learningRates: Float32Array, firstStep: number, rows: Readonly<Record<string, ort.Tensor>>) {
    const steps = learningRates.length;
    const { optimizer } = this.plan;
    const scalarCount = stepScalarCount(optimizer);
    const scalars = new Float32Array(steps * scalarCount);
    learningRates.forEach((rate, i) => scalars.set(stepScalars(optimizer, rate, firstStep + i + 1), i * scalarCount));
    const result = await this.session.run({
      ...rows,
      ...this.randomFeed(firstStep, steps),
      steps: new ort.Tensor('int64', BigInt64Array.of(BigInt(steps)), []),
      scalars: new ort.Tensor('float32', scalars, [steps, scalarCount]),
      ...this.state,
    });
    this.state = stateOf(this.vectors, ({ name }) => result[`${name}_next`]);
    return result;
  }

  /** [P]: what predicts. */
  get servedParameters(): ort.Tensor {
    return servedParameters(this.state);
  }

  getState(): EngineState {
    return stateOf(this.vectors, ({ name }) => Float32Array.from(this.state[name]!.data as Float32Array));
  }

  /** @throws Error as `checkState` */
  setState(state: EngineState): void {
    checkState(this.vectors, state);
    this.state = this.toTensors(state);
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }

  private randomFeed(firstStep: number, steps: number): Record<string, ort.Tensor> {
    const streams = randomStreams(this.network, this.plan);
    if (streams === 0) return {};
    const keys = randomKeysOfSteps(this.plan.seed, firstStep, steps, streams);
    return { randomKeys: new ort.Tensor('int32', keys, [steps, 2 * streams]) };
  }

  /** Of copies, since the caller may go on writing into its arrays. */
  private toTensors(state: EngineState): StateOf<ort.Tensor> {
    return stateOf(this.vectors, ({ name, size }) => new ort.Tensor('float32', state[name]!.slice(), [size]));
  }
}
