import ort from 'onnxruntime-node';
import type { StateOf, StateVector } from '../../checkpoint/engine-state.js';
import { createSession } from '../create-session.js';
import { gatherRows } from './gather-rows.js';
import type { LaneGraphs } from './lane-graphs.js';

export type Numbers = Float32Array | Int32Array | Uint8Array;

/** A matrix of the training rows. */
export interface MatrixShape {
  readonly name: string;
  readonly type: 'float32' | 'int32' | 'uint8';
  /** Absent: a vector. */
  readonly width?: number;
}

/** What the threads of a session need to know; can be sent to them. */
export interface LaneSetup extends LaneGraphs {
  readonly batchSize: number;
  readonly matrices: readonly MatrixShape[];
  readonly parameterCount: number;
  /** Of a step; 0 where it draws no random numbers. */
  readonly keyCount: number;
  /** See `LaneBoard`. */
  readonly board: SharedArrayBuffer;
  readonly vectors: readonly StateVector[];
  /** float32 [P] each: what the steps carry. */
  readonly state: StateOf<SharedArrayBuffer>;
  /** float32 [`stepScalarCount`]: of the step that is published. */
  readonly scalars: SharedArrayBuffer;
  /** float32 [lanes, P + 2]: `gradient`, `total` and `weight` of each lane. */
  readonly sums: SharedArrayBuffer;
}

interface FedMatrix extends MatrixShape {
  readonly tensor: ort.Tensor;
}

/** What a thread does for a step: it adds up the gradient of the lanes that it takes. Blocks the thread. */
export class LaneGradient {
  private readonly fed: readonly FedMatrix[];
  private readonly parameters: ort.Tensor;
  private readonly keys: ort.Tensor;
  private readonly firstRow: ort.Tensor;
  private readonly gradient: ort.Tensor;
  private readonly total: ort.Tensor;
  private readonly weight: ort.Tensor;
  private readonly sharedParameters: Float32Array;
  private readonly sums: Float32Array;
  /** Rows of a lane. */
  private readonly share: number;
  private matrices: readonly Numbers[] = [];

  private constructor(
    private readonly setup: LaneSetup,
    private readonly session: ort.InferenceSession,
  ) {
    const { lanes, batchSize, readsAll, parameterCount, keyCount } = setup;
    this.share = batchSize / lanes;
    this.fed = setup.matrices.map((matrix) => ({ ...matrix, tensor: emptyMatrix(matrix, [readsAll ? batchSize : this.share]) }));
    this.parameters = new ort.Tensor('float32', new Float32Array(parameterCount), [parameterCount]);
    this.keys = new ort.Tensor('int32', new Int32Array(keyCount), [keyCount]);
    this.firstRow = new ort.Tensor('int32', new Int32Array(1), []);
    this.gradient = new ort.Tensor('float32', new Float32Array(parameterCount), [parameterCount]);
    this.total = new ort.Tensor('float32', new Float32Array(1), []);
    this.weight = new ort.Tensor('float32', new Float32Array(1), []);
    this.sharedParameters = new Float32Array(setup.state.parameters);
    this.sums = new Float32Array(setup.sums);
  }

  /** @throws AnnealError `InvalidModel` when onnxruntime refuses the graph */
  static async open(setup: LaneSetup): Promise<LaneGradient> {
    return new LaneGradient(setup, await createSession(setup.gradient, 1));
  }

  /** @param matrices of the training rows, in the order of the set-up's; they are read while steps run */
  useRows(matrices: readonly Numbers[]): void {
    this.matrices = matrices;
  }

  /**
   * Add up a lane of the step that is published, into shared memory.
   *
   * @param batch indices of the mini-batch's rows, [batchSize]
   * @param keys of the step, [keyCount]
   */
  async addUp(lane: number, batch: Int32Array, keys: Int32Array): Promise<void> {
    const { setup, share, parameters, gradient, total, weight, sums } = this;
    valuesOf(parameters).set(this.sharedParameters);
    const feeds: Record<string, ort.Tensor> = { parameters };
    if (setup.keyCount > 0) {
      (this.keys.data as Int32Array).set(keys);
      (this.firstRow.data as Int32Array)[0] = lane * share;
      Object.assign(feeds, { randomKeys: this.keys, firstRow: this.firstRow });
    }
    const rows = setup.readsAll ? batch : batch.subarray(lane * share, (lane + 1) * share);
    this.fed.forEach(({ name, width = 1, tensor }, i) => {
      gatherRows(this.matrices[i], width, rows, tensor.data as Numbers);
      feeds[name] = tensor;
    });
    await this.session.run(feeds, { gradient, total, weight });
    const at = lane * (setup.parameterCount + 2);
    sums.set(valuesOf(gradient), at);
    sums[at + setup.parameterCount] = valuesOf(total)[0];
    sums[at + setup.parameterCount + 1] = valuesOf(weight)[0];
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** @returns zeros for a matrix of so many rows, which may have several dimensions */
export function emptyMatrix({ type, width }: MatrixShape, rows: readonly number[]): ort.Tensor {
  const dims = width === undefined ? rows : [...rows, width];
  const size = dims.reduce((product, dimension) => product * dimension, 1);
  if (type === 'uint8') return new ort.Tensor('uint8', new Uint8Array(size), dims);
  return type === 'int32' ? new ort.Tensor('int32', new Int32Array(size), dims) : new ort.Tensor('float32', new Float32Array(size), dims);
}

function valuesOf(tensor: ort.Tensor): Float32Array {
  return tensor.data as Float32Array;
}
