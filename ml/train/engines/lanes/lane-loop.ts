import ort from 'onnxruntime-node';
import type { Network } from '../../../models/network.js';
import { randomKeysOfSteps } from '../../../models/random-keys.js';
import { checkState, initialState, type StateOf, stateOf, type StateVector, stateVectors } from '../../checkpoint/engine-state.js';
import type { EngineState, NetworkPlan } from '../../engine.js';
import { stepScalarCount, stepScalars } from '../../optimizer/optimizer.js';
import { createSession } from '../create-session.js';
import { randomStreams } from '../training-step.js';
import { gatherRows } from './gather-rows.js';
import { emptyMatrix, type MatrixShape, type Numbers } from './lane-gradient.js';
import { type LaneWay, lossOfLanes } from './lane-way.js';
import { matrixShapes } from './shared-rows.js';

/** All lanes of a step one after another, and all steps of a call in one graph. Blocks the thread. */
export class LaneLoop implements LaneWay {
  private readonly vectors: readonly StateVector[];
  private readonly shapes: readonly MatrixShape[];
  private matrices: readonly Numbers[] = [];
  private state: StateOf<ort.Tensor>;

  private constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private readonly lanes: number,
    private readonly session: ort.InferenceSession,
  ) {
    this.vectors = stateVectors(plan.optimizer, network);
    this.shapes = matrixShapes(network.layout);
    this.state = this.toTensors(initialState(plan.optimizer, network));
  }

  /** @param graph of `buildLaneLoop` @throws AnnealError `InvalidModel` when onnxruntime refuses it */
  static async open(network: Network, plan: NetworkPlan, lanes: number, graph: Uint8Array): Promise<LaneLoop> {
    return new LaneLoop(network, plan, lanes, await createSession(graph, 1));
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { lanes, plan } = this;
    const count = learningRates.length;
    const scalarCount = stepScalarCount(plan.optimizer);
    const scalars = new Float32Array(count * scalarCount);
    learningRates.forEach((rate, i) => scalars.set(stepScalars(plan.optimizer, rate, firstStep + i + 1), i * scalarCount));
    const result = await this.session.run({
      ...this.gather(rows, count),
      ...this.randomFeed(firstStep, count),
      steps: new ort.Tensor('int64', BigInt64Array.of(BigInt(count)), []),
      scalars: new ort.Tensor('float32', scalars, [count, scalarCount]),
      ...this.state,
    });
    this.state = stateOf(this.vectors, ({ name }) => result[`${name}_next`]);
    const [totals, weights] = [result.totals.data as Float32Array, result.weights.data as Float32Array]; // [K, lanes]
    const ofStep = (values: Float32Array, i: number) => values.subarray(i * lanes, (i + 1) * lanes);
    return Float32Array.from({ length: count }, (_, i) => lossOfLanes(ofStep(totals, i), ofStep(weights, i)));
  }

  useRows(matrices: readonly Numbers[]): void {
    this.matrices = matrices;
  }

  getState(): EngineState {
    return stateOf(this.vectors, ({ name }) => Float32Array.from(this.state[name]!.data as Float32Array));
  }

  setState(state: EngineState): void {
    checkState(this.vectors, state);
    this.state = this.toTensors(state);
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }

  /** The mini-batches, out of memory that onnxruntime-node takes no tensors from. */
  private gather(rows: Int32Array, count: number): Record<string, ort.Tensor> {
    const gathered = this.shapes.map((shape, i) => {
      const tensor = emptyMatrix(shape, [count, this.plan.batchSize]);
      gatherRows(this.matrices[i], shape.width ?? 1, rows, tensor.data as Numbers);
      return [shape.name, tensor] as const;
    });
    return Object.fromEntries(gathered);
  }

  private randomFeed(firstStep: number, count: number): Record<string, ort.Tensor> {
    const streams = randomStreams(this.network, this.plan);
    if (streams === 0) return {};
    const keys = randomKeysOfSteps(this.plan.seed, firstStep, count, streams);
    return { randomKeys: new ort.Tensor('int32', keys, [count, 2 * streams]) };
  }

  private toTensors(state: EngineState): StateOf<ort.Tensor> {
    return stateOf(this.vectors, ({ name, size }) => new ort.Tensor('float32', state[name]!.slice(), [size]));
  }
}
