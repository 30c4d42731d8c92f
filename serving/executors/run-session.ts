import { Tensor, type InferenceSession } from 'onnxruntime-node';
import type { ModelInput } from '../../contracts/dataset.js';
import { modelOutputs, type ModelManifest } from '../../contracts/model.js';
import { imageRowsAtOnce } from '../../ml/data/read/image-input.js';
import { outputWidth, sliceBatch, type Batch, type BatchOutputs, type Column } from '../tensors.js';

export type RunBatch = (batch: Batch) => Promise<BatchOutputs>;

/** @returns what runs batches through a version's session: images in parts of bounded memory, everything else at once. It blocks the thread. */
export function sessionRunner(session: InferenceSession, manifest: ModelManifest): RunBatch {
  const run = wholeRunner(session, manifest);
  const { image } = manifest.layout;
  if (!image) return run;
  const atOnce = imageRowsAtOnce(image);
  return (batch) => (batch.rows <= atOnce ? run(batch) : runParts(run, manifest, batch, atOnce));
}

async function runParts(run: RunBatch, manifest: ModelManifest, batch: Batch, atOnce: number): Promise<BatchOutputs> {
  const width = outputWidth(manifest);
  const values = new Float32Array(batch.rows * width); // [N, width]
  const classIndex = new Int32Array(batch.rows); // [N]
  const anomaly = manifest.hasAnomaly ? { anomaly: new Float32Array(batch.rows) } : {}; // [N]
  for (let from = 0; from < batch.rows; from += atOnce) {
    const part = await run(sliceBatch(batch, from, Math.min(batch.rows, from + atOnce)));
    values.set(part.values, from * width);
    if (part.classIndex) classIndex.set(part.classIndex, from);
    if (part.anomaly) anomaly.anomaly?.set(part.anomaly, from);
  }
  return manifest.task === 'regression' || manifest.task === 'multilabel' ? { values, ...anomaly } : { values, classIndex, ...anomaly };
}

function wholeRunner(session: InferenceSession, { inputs, task, quantiles, hasAnomaly }: ModelManifest): RunBatch {
  const values = task !== 'regression' ? modelOutputs.probabilities : quantiles ? modelOutputs.quantiles : modelOutputs.value;
  const hasClass = task !== 'regression' && task !== 'multilabel';
  const fetched = [values, ...(hasClass ? [modelOutputs.classIndex] : []), ...(hasAnomaly ? [modelOutputs.anomaly] : [])];
  const outputsOf = (results: InferenceSession.ReturnType): BatchOutputs => ({
    values: results[values].data as Float32Array, // [N, classes], [N, quantiles] or [N, 1]
    classIndex: hasClass ? lowHalves(results[modelOutputs.classIndex].data as BigInt64Array) : undefined, // [N]
    anomaly: hasAnomaly ? (results[modelOutputs.anomaly].data as Float32Array) : undefined, // [N]
  });
  return ({ rows, columns }) => {
    const feeds: Record<string, Tensor> = {};
    for (let i = 0; i < inputs.length; i++) feeds[inputs[i].name] = toTensor(inputs[i], columns[i], rows);
    return session.run(feeds, fetched).then(outputsOf);
  };
}

function toTensor(input: ModelInput, column: Column, rows: number): Tensor {
  switch (input.type) {
    case 'uint8':
      return new Tensor('uint8', column as Uint8Array, [rows, input.height, input.width, input.channels]);
    case 'float64':
      return new Tensor('float64', column as Float64Array, [rows, 1]);
    case 'int64':
      return new Tensor('int64', column as BigInt64Array, [rows, 1]);
    case 'string':
      return new Tensor('string', column as string[], [rows, 1]);
  }
}

/** Small integers without a bigint for each: the lower half is the first one, as on every platform that onnxruntime-node runs on. */
function lowHalves(wide: BigInt64Array): Int32Array {
  const halves = new Int32Array(wide.buffer, wide.byteOffset, 2 * wide.length); // low and high of each value
  const values = new Int32Array(wide.length); // [N]
  for (let i = 0; i < values.length; i++) values[i] = halves[2 * i];
  return values;
}
