import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { modelOutputs, type ModelManifest } from '../../contracts/model.js';
import { imageRowsAtOnce } from '../../ml/data/read/image-input.js';
import { outputWidth, sliceBatch, type Batch, type BatchOutputs } from '../tensors.js';

/** Run a batch through a version's session: images in parts of bounded memory, everything else at once. Blocks the thread. */
export function runInParts(session: InferenceSession, manifest: ModelManifest, batch: Batch): Promise<BatchOutputs> {
  const { image } = manifest.layout;
  const atOnce = image ? imageRowsAtOnce(image) : batch.rows;
  return batch.rows <= atOnce ? runSession(session, manifest, batch) : runParts(session, manifest, batch, atOnce);
}

async function runParts(session: InferenceSession, manifest: ModelManifest, batch: Batch, atOnce: number): Promise<BatchOutputs> {
  const width = outputWidth(manifest);
  const values = new Float32Array(batch.rows * width); // [N, width]
  const classIndex = new Int32Array(batch.rows); // [N]
  const anomaly = manifest.hasAnomaly ? { anomaly: new Float32Array(batch.rows) } : {}; // [N]
  for (let from = 0; from < batch.rows; from += atOnce) {
    const part = await runSession(session, manifest, sliceBatch(batch, from, Math.min(batch.rows, from + atOnce)));
    values.set(part.values, from * width);
    if (part.classIndex) classIndex.set(part.classIndex, from);
    if (part.anomaly) anomaly.anomaly?.set(part.anomaly, from);
  }
  return manifest.task === 'regression' || manifest.task === 'multilabel' ? { values, ...anomaly } : { values, classIndex, ...anomaly };
}

async function runSession(session: InferenceSession, manifest: ModelManifest, batch: Batch): Promise<BatchOutputs> {
  const dims = [batch.rows, 1];
  const feeds: Record<string, Tensor> = {};
  for (let i = 0; i < manifest.inputs.length; i++) {
    const input = manifest.inputs[i];
    const column = batch.columns[i];
    feeds[input.name] =
      input.type === 'uint8'
        ? new Tensor('uint8', column as Uint8Array, [batch.rows, input.height, input.width, input.channels])
        : column instanceof Float64Array
          ? new Tensor('float64', column, dims)
          : column instanceof BigInt64Array
            ? new Tensor('int64', column, dims)
            : new Tensor('string', column as string[], dims);
  }
  const scored = manifest.hasAnomaly ? [modelOutputs.anomaly] : [];
  if (manifest.task === 'regression') {
    const output = manifest.quantiles ? modelOutputs.quantiles : modelOutputs.value;
    const results = await session.run(feeds, [output, ...scored]);
    return { values: results[output].data as Float32Array, ...scoresOf(manifest, results) }; // [N, quantiles] or [N, 1]
  }
  if (manifest.task === 'multilabel') {
    const results = await session.run(feeds, [modelOutputs.probabilities, ...scored]);
    return { values: results[modelOutputs.probabilities].data as Float32Array, ...scoresOf(manifest, results) }; // [N, labels]
  }
  const results = await session.run(feeds, [modelOutputs.probabilities, modelOutputs.classIndex, ...scored]);
  return {
    ...scoresOf(manifest, results),
    values: results[modelOutputs.probabilities].data as Float32Array, // [N, classes]
    classIndex: lowHalves(results[modelOutputs.classIndex].data as BigInt64Array), // [N]
  };
}

/** Of a version that scores its rows, `anomaly` [N]. */
function scoresOf({ hasAnomaly }: ModelManifest, results: InferenceSession.ReturnType): Pick<BatchOutputs, 'anomaly'> {
  return hasAnomaly ? { anomaly: results[modelOutputs.anomaly].data as Float32Array } : {};
}

/** Small integers without a bigint for each: the lower half is the first one, as on every platform that onnxruntime-node runs on. */
function lowHalves(wide: BigInt64Array): Int32Array {
  const halves = new Int32Array(wide.buffer, wide.byteOffset, 2 * wide.length); // low and high of each value
  const values = new Int32Array(wide.length); // [N]
  for (let i = 0; i < values.length; i++) values[i] = halves[2 * i];
  return values;
}
