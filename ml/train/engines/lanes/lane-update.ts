import ort from 'onnxruntime-node';
import { type StateOf, stateOf, type StateVector } from '../../checkpoint/engine-state.js';
import { createSession } from '../create-session.js';
import type { LaneSetup } from './lane-gradient.js';
import { gradientName, type UpdateGraph } from './lane-graphs.js';

/** A session on a graph, with tensors for what it reads and writes. */
interface OpenUpdate {
  readonly session: ort.InferenceSession;
  readonly gradients: readonly ort.Tensor[];
  readonly current: StateOf<ort.Tensor>;
  readonly next: StateOf<ort.Tensor>;
  /** The tensors by the names of the graph's inputs and outputs. */
  readonly feeds: Record<string, ort.Tensor>;
  readonly fetches: Record<string, ort.Tensor>;
}

/** What a thread does behind the gradients of a step: it updates the parts of the vectors that it takes. Blocks the thread. */
export class LaneUpdate {
  private readonly state: StateOf<Float32Array>;
  private readonly sums: Float32Array;
  private readonly sharedScalars: Float32Array;

  private constructor(
    private readonly setup: LaneSetup,
    private readonly opened: ReadonlyMap<UpdateGraph, OpenUpdate>,
    private readonly weights: ort.Tensor,
    private readonly scalars: ort.Tensor,
  ) {
    this.state = stateOf(setup.vectors, ({ name }) => new Float32Array(setup.state[name]!));
    this.sums = new Float32Array(setup.sums);
    this.sharedScalars = new Float32Array(setup.scalars);
  }

  /** @throws AnnealError `InvalidModel` when onnxruntime refuses a graph */
  static async open(setup: LaneSetup): Promise<LaneUpdate> {
    const [weights, scalars] = [vectorOf(setup.lanes), vectorOf(setup.scalars.byteLength / Float32Array.BYTES_PER_ELEMENT)];
    const opened = new Map<UpdateGraph, OpenUpdate>();
    for (const update of new Set(setup.updates)) opened.set(update, await openUpdate(update, setup, { weights, scalars }));
    return new LaneUpdate(setup, opened, weights, scalars);
  }

  /** Update a part of the vectors, in shared memory, by the sums and the scalars that lie there. A part that there is not is empty. */
  async run(part: number): Promise<void> {
    const { setup, sums, state } = this;
    const update = setup.updates[part];
    if (update === undefined) return;
    const { session, gradients, current, next, feeds, fetches } = this.opened.get(update)!;
    const { size } = update;
    // All parts before the last are of one size.
    const from = part * setup.updates[0].size;
    gradients.forEach((gradient, lane) => {
      const at = lane * (setup.parameterCount + 2);
      valuesOf(gradient).set(sums.subarray(at + from, at + from + size));
      valuesOf(this.weights)[lane] = sums[at + setup.parameterCount + 1];
    });
    valuesOf(this.scalars).set(this.sharedScalars);
    for (const { name } of setup.vectors) valuesOf(current[name]!).set(state[name]!.subarray(from, from + size));
    await session.run(feeds, fetches);
    for (const { name } of setup.vectors) state[name]!.set(valuesOf(next[name]!), from);
  }

  async dispose(): Promise<void> {
    for (const { session } of this.opened.values()) await session.release();
  }
}

async function openUpdate(
  { graph, size, outputs }: UpdateGraph,
  { lanes, vectors }: Pick<LaneSetup, 'lanes' | 'vectors'>,
  shared: Readonly<Record<'weights' | 'scalars', ort.Tensor>>,
): Promise<OpenUpdate> {
  const session = await createSession(graph, 1);
  const gradients = Array.from({ length: lanes }, () => vectorOf(size));
  const [current, next] = [stateOf(vectors, () => vectorOf(size)), stateOf(vectors, () => vectorOf(size))];
  const feeds = { ...current, ...shared, ...Object.fromEntries(gradients.map((tensor, lane) => [gradientName(lane), tensor])) };
  const fetches = Object.fromEntries(vectors.map(({ name }: StateVector) => [outputs[name], next[name]!]));
  return { session, gradients, current, next, feeds, fetches };
}

function vectorOf(size: number): ort.Tensor {
  return new ort.Tensor('float32', new Float32Array(size), [size]);
}

function valuesOf(tensor: ort.Tensor): Float32Array {
  return tensor.data as Float32Array;
}
