import ort from 'onnxruntime-node';
import type { Network } from '../../models/network.js';
import type { EncodedData, NetworkPlan } from '../engine.js';
import { matrices } from './forward-pass.js';
import { isPacked, packedWidth, packRows } from './packed-rows.js';
import { StepLoop } from './step-loop.js';
import { LoopWay } from './ways/loop-way.js';

/** Training rows as the graph of `buildTrainingGraph` reads them, by its inputs' names. */
export type ResidentRows = Readonly<Record<string, ort.Tensor>>;

/** Steps of whole mini-batches, all of a call in one run of a graph. */
export class WholeLoop extends LoopWay<ResidentRows> {
  private resident: ResidentRows = {};

  /** @param session on a graph of `buildTrainingGraph`; is closed with this */
  constructor(
    network: Network,
    private readonly plan: NetworkPlan,
    session: ort.InferenceSession,
  ) {
    super(new StepLoop(network, plan, session));
  }

  useRows(rows: ResidentRows): void {
    this.resident = rows;
  }

  async runSteps(rows: Int32Array, learningRates: Float32Array, firstStep: number): Promise<Float32Array> {
    const steps = learningRates.length;
    const batches = new ort.Tensor('int32', rows, [steps, this.plan.batchSize]);
    const { losses } = await this.loop.run(learningRates, firstStep, { ...this.resident, rows: batches });
    return Float32Array.from(losses.data as Float32Array);
  }
}

/** Views of the rows where they are not packed. */
export function residentRows(network: Network, data: EncodedData): ResidentRows {
  const { layout } = network;
  if (isPacked(layout)) {
    return { packed: new ort.Tensor('float32', packRows(layout, data), [data.rows, packedWidth(layout)]) };
  }
  return { ...matrices(network, data, 0, data.rows), target: new ort.Tensor('float32', data.target, [data.rows]) };
}
