import ort from 'onnxruntime-node';
import { type EngineState, type StateOf, type StateVector, stateOf } from '../../checkpoint/engine-state.js';
import { createSession } from '../create-session.js';
import { gradientName, type UpdateGraph } from './lane-graphs.js';

interface UpdateOptions {
  readonly update: UpdateGraph;
  readonly vectors: readonly StateVector[];
  readonly lanes: number;
  readonly parameterCount: number;
  readonly scalarCount: number;
  /** float32 [lanes, P + 2], of every lane */
  readonly sums: SharedArrayBuffer;
}

/** The state of a session, and the update that the lanes' sums ask for. Blocks the thread. */
export class LaneUpdate {
  private readonly shared: Float32Array;
  private readonly gradients: readonly ort.Tensor[];
  private readonly totals: ort.Tensor;
  private readonly weights: ort.Tensor;
  private readonly scalars: ort.Tensor;
  private readonly loss: ort.Tensor;
  private current: StateOf<ort.Tensor>;
  private next: StateOf<ort.Tensor>;

  private constructor(
    private readonly options: UpdateOptions,
    private readonly session: ort.InferenceSession,
  ) {
    const { vectors, lanes, parameterCount, scalarCount, sums } = options;
    this.shared = new Float32Array(sums);
    this.gradients = Array.from({ length: lanes }, () => vectorOf(parameterCount));
    [this.totals, this.weights] = [vectorOf(lanes), vectorOf(lanes)];
    this.scalars = vectorOf(scalarCount);
    this.loss = new ort.Tensor('float32', new Float32Array(1), []);
    this.current = stateOf(vectors, ({ size }) => vectorOf(size));
    this.next = stateOf(vectors, ({ size }) => vectorOf(size));
  }

  /** @throws AnnealError `InvalidModel` when onnxruntime refuses the graph */
  static async open(options: UpdateOptions): Promise<LaneUpdate> {
    return new LaneUpdate(options, await createSession(options.update.graph, 1));
  }

  /** Views of what the step after the next overwrites. */
  get state(): StateOf<Float32Array> {
    return stateOf(this.options.vectors, ({ name }) => valuesOf(this.current[name]!));
  }

  setState(state: EngineState): void {
    for (const { name } of this.options.vectors) valuesOf(this.current[name]!).set(state[name]!);
  }

  /** @param scalars `stepScalars` of the step @returns the step's loss */
  async run(scalars: Float32Array): Promise<number> {
    const { current, next, loss, totals, weights } = this;
    const { parameterCount, vectors, update } = this.options;
    const feeds: Record<string, ort.Tensor> = { ...current, totals, weights, scalars: this.scalars };
    this.gradients.forEach((gradient, lane) => {
      const at = lane * (parameterCount + 2);
      valuesOf(gradient).set(this.shared.subarray(at, at + parameterCount));
      valuesOf(totals)[lane] = this.shared[at + parameterCount];
      valuesOf(weights)[lane] = this.shared[at + parameterCount + 1];
      feeds[gradientName(lane)] = gradient;
    });
    valuesOf(this.scalars).set(scalars);
    const made = Object.fromEntries(vectors.map(({ name }) => [update.outputs[name], next[name]!]));
    await this.session.run(feeds, { ...made, [update.outputs.loss]: loss });
    [this.current, this.next] = [next, current];
    return valuesOf(loss)[0];
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

function vectorOf(size: number): ort.Tensor {
  return new ort.Tensor('float32', new Float32Array(size), [size]);
}

function valuesOf(tensor: ort.Tensor): Float32Array {
  return tensor.data as Float32Array;
}
