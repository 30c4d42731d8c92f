import ort from 'onnxruntime-node';
import { imageSize } from '../../../contracts/image-input.js';
import type { Network } from '../../models/network.js';
import type { EncodedData } from '../engine.js';
import { forwardRows } from './forward-rows.js';

/** Predictions of a network by a compiled forward graph, which is made when it is first asked for. */
export class ForwardPass {
  private session: ort.InferenceSession | undefined;

  /** @param open a session on a graph of `buildForwardGraph` */
  constructor(
    private readonly network: Network,
    private readonly open: () => Promise<ort.InferenceSession>,
  ) {}

  /** @param parameters [P] @returns logits [rows · outputs] */
  async logits(parameters: ort.Tensor, data: EncodedData): Promise<Float32Array> {
    const session = (this.session ??= await this.open());
    const { outputs } = this.network;
    const logits = new Float32Array(data.rows * outputs);
    const atOnce = forwardRows(this.network);
    for (let from = 0; from < data.rows; from += atOnce) {
      const rows = Math.min(atOnce, data.rows - from);
      const result = await session.run({ parameters, ...matrices(this.network, data, from, rows) });
      logits.set(result.logits.data as Float32Array, from * outputs);
    }
    return logits;
  }

  async dispose(): Promise<void> {
    await this.session?.release();
  }
}

/** Rows of the feature matrices; views, nothing is copied. */
export function matrices({ layout }: Pick<Network, 'layout'>, data: EncodedData, from: number, rows: number): Record<string, ort.Tensor> {
  const [indices, numbers] = [layout.categorical.length, layout.numeric.length];
  const result: Record<string, ort.Tensor> = {};
  if (indices > 0)
    result.categorical = new ort.Tensor('int32', data.categorical!.subarray(from * indices, (from + rows) * indices), [rows, indices]);
  if (numbers > 0)
    result.numeric = new ort.Tensor('float32', data.numeric!.subarray(from * numbers, (from + rows) * numbers), [rows, numbers]);
  if (layout.image) {
    const size = imageSize(layout.image);
    result.image = new ort.Tensor('uint8', data.image!.subarray(from * size, (from + rows) * size), [rows, size]);
  }
  return result;
}
