import type { ModelManifest } from '../contracts/model.js';
import type { Prediction, PredictResult } from '../contracts/serving.js';
import { rowsToTensors } from '../ml/data/raw-tensors.js';
import { decodeImages } from './encoded-images.js';
import { badRequest } from './http-error.js';
import type { ModelRegistry } from './model-registry.js';
import { labelFlags, outputWidth, rowValues, type BatchOutputs } from './tensors.js';

/**
 * Answer rows with the active version of a model, or with the one that is named.
 *
 * @throws AnnealError `InvalidRequest` naming row and column, `UnknownModelVersion`; HttpError 400, 503
 */
export async function predictRows(
  registry: ModelRegistry,
  request: { readonly model: string; readonly version?: string; readonly instances: unknown },
  maxRows: number,
): Promise<PredictResult> {
  const { instances } = request;
  if (!Array.isArray(instances))
    throw badRequest('The body must be an object with the rows as an array: {"instances": [{"<column>": <value>, …}]}.');
  checkRowCount(instances.length, maxRows);
  const { version, executor } = registry.resolve(request.model, request.version);
  const tensors = rowsToTensors(executor.manifest.inputs, await decodeImages(executor.manifest.inputs, instances));
  const columns = executor.manifest.inputs.map((input) => tensors[input.name].data);
  const outputs = await executor.infer({ rows: instances.length, columns });
  return { model: request.model, version, predictions: toPredictions(executor.manifest, outputs) };
}

export function checkRowCount(rows: number, maxRows: number): void {
  if (rows === 0) throw badRequest('There are no rows in the request. Send at least one.');
  if (rows > maxRows)
    throw badRequest(
      `There are ${rows} rows in the request, more than ${maxRows}, the most that this host takes at once. Send them in several requests.`,
    );
}

/** One prediction a row, with the names of the classes. */
export function toPredictions(manifest: ModelManifest, outputs: BatchOutputs): Prediction[] {
  const width = outputWidth(manifest);
  const rows = outputs.values.length / width;
  if (manifest.task === 'multilabel') return labelPredictions(manifest, outputs, rows);
  const values = outputs.classIndex ? undefined : rowValues(manifest, outputs);
  return Array.from({ length: rows }, (_, row) => {
    if (!outputs.classIndex) {
      const value = values![row];
      if (!manifest.quantiles) return { value };
      return { value, quantiles: Object.fromEntries(manifest.quantiles.map((quantile, k) => [quantile, outputs.values[row * width + k]])) };
    }
    const probabilities = Object.fromEntries(manifest.classes.map((name, k) => [name, outputs.values[row * width + k]]));
    const label = manifest.classes[outputs.classIndex[row]];
    return manifest.task === 'binary' ? { label, probability: outputs.values[row * width + 1], probabilities } : { label, probabilities };
  });
}

function labelPredictions(manifest: ModelManifest, outputs: BatchOutputs, rows: number): Prediction[] {
  const flags = labelFlags(manifest, outputs);
  const byName = <T>(at: (i: number) => T, row: number): Record<string, T> =>
    Object.fromEntries(manifest.classes.map((name, k) => [name, at(row * manifest.classes.length + k)]));
  return Array.from({ length: rows }, (_, row) => ({
    labels: byName((i) => flags[i] === 1, row),
    probabilities: byName((i) => outputs.values[i], row),
  }));
}
