import type ort from 'onnxruntime-node';
import type { Network } from '../../../models/network.js';
import type { NetworkPlan } from '../../engine.js';
import { createSession } from '../create-session.js';
import { StepLoop } from '../step-loop.js';
import { LoopWay } from '../ways/loop-way.js';
import { gatherRows } from './gather-rows.js';
import { emptyMatrix, type Numbers } from './lane-gradient.js';
import { lossOfLanes } from './loss-of-lanes.js';
import { matrixShapes } from './shared-rows.js';

/** Of the mini-batches that are gathered for one run of the graph. */
const mostGatheredBytes = 16 * 1024 * 1024;

/** All lanes of a step one after another, and many steps in one run of a graph. */
export class LaneLoop extends LoopWay<readonly Numbers[]> {
  private matrices: readonly Numbers[] = [];

  private constructor(
    private readonly network: Network,
    private readonly plan: NetworkPlan,
    private readonly lanes: number,
    loop: StepLoop,
  ) {
    super(loop);
  }

  /** @param graph of `buildLaneLoop` @throws AnnealError `InvalidModel` when onnxruntime refuses it */
  static async open(network: Network, plan: NetworkPlan, lanes: number, graph: Uint8Array): Promise<LaneLoop> {
    return new LaneLoop(network, plan, lanes, new StepLoop(network, plan, await createSession(graph, 1)));
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { batchSize } = this.plan;
    const count = learningRates.length;
    const atOnce = this.stepsAtOnce();
    const losses = new Float32Array(count);
    for (let from = 0; from < count; from += atOnce) {
      const until = Math.min(from + atOnce, count);
      const batches = rows.subarray(from * batchSize, until * batchSize);
      losses.set(await this.runAtOnce(batches, learningRates.subarray(from, until), firstStep + from), from);
    }
    return losses;
  }

  useRows(matrices: readonly Numbers[]): void {
    this.matrices = matrices;
  }

  private async runAtOnce(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const { lanes, loop } = this;
    const count = learningRates.length;
    const { totals, weights } = await loop.run(learningRates, firstStep, this.gather(rows, count)); // [K, lanes]
    const ofStep = ({ data }: ort.Tensor, i: number) => (data as Float32Array).subarray(i * lanes, (i + 1) * lanes);
    return Float32Array.from({ length: count }, (_, i) => lossOfLanes(ofStep(totals, i), ofStep(weights, i)));
  }

  private stepsAtOnce(): number {
    const widths = matrixShapes(this.network.layout).map(({ width = 1 }, i) => width * this.matrices[i].BYTES_PER_ELEMENT);
    const bytesOfRow = widths.reduce((sum, bytes) => sum + bytes, 0);
    return Math.max(1, Math.floor(mostGatheredBytes / (bytesOfRow * this.plan.batchSize)));
  }

  /** The mini-batches, out of memory that onnxruntime-node takes no tensors from. */
  private gather(rows: Int32Array, count: number): Record<string, ort.Tensor> {
    const gathered = matrixShapes(this.network.layout).map((shape, i) => {
      const tensor = emptyMatrix(shape, [count, this.plan.batchSize]);
      gatherRows(this.matrices[i], shape.width ?? 1, rows, tensor.data as Numbers);
      return [shape.name, tensor] as const;
    });
    return Object.fromEntries(gathered);
  }
}
