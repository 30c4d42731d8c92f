import ort from 'onnxruntime-node';
import { type EngineState, type StateOf, type StateVector, stateOf } from '../../engine-state.js';
import { createSession } from '../create-session.js';
import { gatherRows } from './gather-rows.js';
import { LaneBarrier } from './lane-barrier.js';
import type { LaneGraphs } from './lane-graphs.js';

export type Numbers = Float32Array | Int32Array | Uint8Array;

/** A matrix of the training rows. */
export interface MatrixShape {
  readonly name: string;
  readonly type: 'float32' | 'int32' | 'uint8';
  /** Absent: a vector. */
  readonly width?: number;
}

/** Everything a lane is made of; can be sent to a thread. */
export interface LaneSetup extends LaneGraphs {
  readonly lane: number;
  readonly batchSize: number;
  readonly matrices: readonly MatrixShape[];
  readonly vectors: readonly StateVector[];
  readonly parameterCount: number;
  /** Numbers of a step, see `stepScalars`. */
  readonly scalarCount: number;
  /** Of a step; 0 where it draws no random numbers. */
  readonly keyCount: number;
  readonly barrier: SharedArrayBuffer;
  /** float32 [2, lanes, P + 2] */
  readonly sums: SharedArrayBuffer;
}

/** K steps. */
export interface LaneSteps {
  /** Indices of the mini-batches' rows, [K · batchSize] */
  readonly rows: Int32Array;
  /** [K · scalarCount] */
  readonly scalars: Float32Array;
  /** [K · keyCount] */
  readonly keys: Int32Array;
}

/** Bytes of what a lane writes for the others; of a step and of the next, so that meeting once a step is enough. */
export function sumsBytes(lanes: number, parameterCount: number): number {
  return 2 * lanes * (parameterCount + 2) * Float32Array.BYTES_PER_ELEMENT;
}

interface FedMatrix extends MatrixShape {
  readonly tensor: ort.Tensor;
}

/**
 * One thread of a training step that several share. Every lane has the whole state, and makes the same update by the sums of all, so
 * that gradients are all that goes from one to another. Blocks the thread.
 */
export class Lane {
  private readonly barrier: LaneBarrier;
  /** Rows of a mini-batch that it reads: from, until. */
  private readonly own: readonly [number, number];
  private readonly fed: readonly FedMatrix[];
  private readonly keys: ort.Tensor;
  private readonly firstRow: ort.Tensor;
  private readonly scalars: ort.Tensor;
  private readonly gradient: ort.Tensor;
  private readonly total: ort.Tensor;
  private readonly weight: ort.Tensor;
  private readonly loss: ort.Tensor;
  /** Of all lanes, [lanes, P + 2] */
  private readonly sums: ort.Tensor;
  /** The same in shared memory, of even and of odd steps. */
  private readonly shared: readonly [Float32Array, Float32Array];
  private state: StateOf<ort.Tensor>;
  private next: StateOf<ort.Tensor>;
  private matrices: readonly Numbers[] = [];
  private done = 0;

  private constructor(
    private readonly setup: LaneSetup,
    private readonly gradientSession: ort.InferenceSession,
    private readonly updateSession: ort.InferenceSession,
  ) {
    const { lane, lanes, batchSize, readsAll, parameterCount, keyCount, scalarCount, vectors } = setup;
    const share = batchSize / lanes;
    this.own = readsAll ? [0, batchSize] : [lane * share, (lane + 1) * share];
    this.barrier = new LaneBarrier(setup.barrier, lanes);
    this.fed = setup.matrices.map((matrix) => ({ ...matrix, tensor: emptyMatrix(matrix, this.own[1] - this.own[0]) }));
    this.keys = new ort.Tensor('int32', new Int32Array(keyCount), [keyCount]);
    this.firstRow = new ort.Tensor('int32', Int32Array.of(lane * share), []);
    this.scalars = vectorOf(scalarCount);
    this.gradient = vectorOf(parameterCount);
    this.sums = new ort.Tensor('float32', new Float32Array(lanes * (parameterCount + 2)), [lanes, parameterCount + 2]);
    [this.total, this.weight, this.loss] = [scalar(), scalar(), scalar()];
    const half = lanes * (parameterCount + 2);
    this.shared = [new Float32Array(setup.sums, 0, half), new Float32Array(setup.sums, half * Float32Array.BYTES_PER_ELEMENT, half)];
    this.state = stateOf(vectors, ({ size }) => vectorOf(size));
    this.next = stateOf(vectors, ({ size }) => vectorOf(size));
  }

  /** @throws AnnealError `InvalidModel` when onnxruntime refuses a graph */
  static async open(setup: LaneSetup): Promise<Lane> {
    return new Lane(setup, await createSession(setup.gradient, 1), await createSession(setup.update, 1));
  }

  /** @param matrices of the training rows, in the order of the set-up's; they are read while steps run */
  useRows(matrices: readonly Numbers[]): void {
    this.matrices = matrices;
  }

  setState(state: EngineState): void {
    for (const { name } of this.setup.vectors) valuesOf(this.state[name]!).set(state[name]!);
  }

  /** @returns views of what the next step overwrites */
  getState(): StateOf<Float32Array> {
    return stateOf(this.setup.vectors, ({ name }) => valuesOf(this.state[name]!));
  }

  /**
   * @param between called every now and then while the lane waits for another
   * @returns loss of each step [K]
   * @throws Error when this lane or another one failed; none can be used any more
   */
  async run({ rows, scalars, keys }: LaneSteps, between?: () => Promise<void>): Promise<Float32Array> {
    const { batchSize, scalarCount, keyCount } = this.setup;
    const losses = new Float32Array(rows.length / batchSize);
    try {
      for (let step = 0; step < losses.length; step++) {
        valuesOf(this.scalars).set(scalars.subarray(step * scalarCount, (step + 1) * scalarCount));
        if (keyCount > 0) (this.keys.data as Int32Array).set(keys.subarray(step * keyCount, (step + 1) * keyCount));
        await this.addUp(rows.subarray(step * batchSize, (step + 1) * batchSize));
        await this.barrier.meet(between);
        losses[step] = await this.update();
        this.done++;
      }
    } catch (error) {
      this.barrier.fail();
      throw error;
    }
    return losses;
  }

  async dispose(): Promise<void> {
    await this.gradientSession.release();
    await this.updateSession.release();
  }

  private async addUp(batch: Int32Array): Promise<void> {
    const { lane, keyCount, parameterCount } = this.setup;
    const own = batch.subarray(...this.own);
    const feeds: Record<string, ort.Tensor> = { parameters: this.state.parameters };
    if (keyCount > 0) Object.assign(feeds, { randomKeys: this.keys, firstRow: this.firstRow });
    this.fed.forEach(({ name, width = 1, tensor }, i) => {
      gatherRows(this.matrices[i], width, own, tensor.data as Numbers);
      feeds[name] = tensor;
    });
    const { gradient, total, weight } = this;
    await this.gradientSession.run(feeds, { gradient, total, weight });
    const at = lane * (parameterCount + 2);
    const shared = this.shared[this.done % 2];
    shared.set(valuesOf(gradient), at);
    shared[at + parameterCount] = valuesOf(total)[0];
    shared[at + parameterCount + 1] = valuesOf(weight)[0];
  }

  /** @returns the step's loss */
  private async update(): Promise<number> {
    const { state, next, sums, scalars, loss } = this;
    valuesOf(sums).set(this.shared[this.done % 2]);
    const made = Object.fromEntries(this.setup.vectors.map(({ name }) => [`${name}_next`, next[name]!]));
    await this.updateSession.run({ ...state, sums, scalars }, { ...made, loss });
    [this.state, this.next] = [next, state];
    return valuesOf(loss)[0];
  }
}

function emptyMatrix({ type, width }: MatrixShape, rows: number): ort.Tensor {
  const size = rows * (width ?? 1);
  const dims = width === undefined ? [rows] : [rows, width];
  if (type === 'uint8') return new ort.Tensor('uint8', new Uint8Array(size), dims);
  return type === 'int32' ? new ort.Tensor('int32', new Int32Array(size), dims) : new ort.Tensor('float32', new Float32Array(size), dims);
}

function vectorOf(size: number): ort.Tensor {
  return new ort.Tensor('float32', new Float32Array(size), [size]);
}

function scalar(): ort.Tensor {
  return new ort.Tensor('float32', new Float32Array(1), []);
}

function valuesOf(tensor: ort.Tensor): Float32Array {
  return tensor.data as Float32Array;
}
