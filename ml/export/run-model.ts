import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { RawTensor } from '../data/raw-tensors.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { modelOutputs } from '../../contracts/model.js';

/**
 * Load an exported model. Blocks the thread for milliseconds to seconds, by the model's size.
 *
 * @throws AnnealError `InvalidModel` when onnxruntime refuses it
 */
export async function openModel(model: Uint8Array | string, threads: number): Promise<InferenceSession> {
  try {
    const options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
    return await (typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options));
  } catch (cause) {
    throw new AnnealError(
      failureTypes.invalidModel,
      `onnxruntime cannot load the exported model: ${cause instanceof Error ? cause.message : String(cause)}. Expected a graph of known operators. Change the model's configuration, and report the one that failed.`,
      undefined,
      { cause },
    );
  }
}

/**
 * @param columns by name of the raw input
 * @returns `probabilities`, row-major [rows · classes], `quantiles` [rows · quantiles], or `value` [rows]
 */
export async function predictWith(session: InferenceSession, columns: Readonly<Record<string, RawTensor>>): Promise<Float32Array> {
  const { quantiles, value, probabilities } = modelOutputs;
  const output = [quantiles, value].find((name) => session.outputNames.includes(name)) ?? probabilities;
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, toTensor(columns[name])]));
  const result = await session.run(feeds, [output]);
  return result[output].data as Float32Array;
}

function toTensor(column: RawTensor): Tensor {
  switch (column.type) {
    case 'string':
      return new Tensor('string', column.data, column.dims);
    case 'int64':
      return new Tensor('int64', column.data, column.dims);
    case 'float64':
      return new Tensor('float64', column.data, column.dims);
    case 'uint8':
      return new Tensor('uint8', column.data, column.dims);
  }
}
