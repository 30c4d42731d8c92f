import type { ModelManifest } from '../contracts/model.js';
import type { Prediction, PredictInput, PredictResult } from '../contracts/serving.js';
import { rowsToColumns } from '../ml/data/read/raw-tensors.js';
import { decodeImages } from './encoded-images.js';
import { badRequest } from './http/http-error.js';
import { type GuardedInference, inferGuarded } from './anomaly/infer-guarded.js';
import type { ModelRegistry, ServedModel } from './model-registry.js';
import type { RequestTerms } from './request-terms.js';
import { toNineDigits } from './http/json-bytes.js';
import { labelFlags, outputWidth, rowValues, type Batch, type BatchOutputs, type Column } from './tensors.js';

/** What a version computed for rows. */
export interface ComputedRows extends GuardedInference {
  readonly manifest: ModelManifest;
}

/**
 * Run rows through the active version of a model, or the one that is named.
 *
 * @param instances unchecked
 * @throws AnnealError `InvalidRequest` naming row and column, `UnknownModelVersion`; HttpError 400, 503
 */
export async function computeRows(
  registry: ModelRegistry,
  model: string,
  version: string | undefined,
  instances: unknown,
  maxRows: number,
  terms?: RequestTerms,
): Promise<ComputedRows> {
  if (!Array.isArray(instances))
    throw badRequest('The body must be an object with the rows as an array: {"instances": [{"<column>": <value>, …}]}.');
  checkRowCount(instances.length, maxRows);
  const served = registry.resolve(model, version);
  const { manifest, anomalies } = served.executor;
  const { inputs, layout } = manifest;
  const decoded = layout.image ? await decodeImages(inputs, instances) : instances;
  let columns: Column[];
  try {
    columns = rowsToColumns(inputs, decoded).map((tensor) => tensor.data);
  } catch (error) {
    anomalies?.refused(error);
    throw error;
  }
  return computeBatch(registry, served, { rows: instances.length, columns }, terms);
}

/** `computeRows` of rows that have been read. */
export function computeBatch(registry: ModelRegistry, served: ServedModel, batch: Batch, terms?: RequestTerms): Promise<ComputedRows> {
  const { manifest } = served.executor;
  return inferGuarded(registry, served, batch, terms).then(({ version, outputs, degraded, anomalous }) => ({
    manifest,
    version,
    outputs,
    degraded,
    anomalous,
  }));
}

/** `computeRows`, with the answer as objects: those that `rowsJson` writes. @throws as `computeRows`, also for a label that is not known */
export async function predictRows(
  registry: ModelRegistry,
  request: PredictInput,
  maxRows: number,
  terms?: RequestTerms,
): Promise<PredictResult> {
  const rows = await computeRows(registry, request.model, versionAsked(registry, request), request.instances, maxRows, terms);
  const { manifest, outputs, version } = rows;
  return { model: request.model, version, predictions: toPredictions(manifest, outputs), ...marksOf(rows) };
}

/** Callers without types may name both. */
function versionAsked(registry: ModelRegistry, { model, version, label }: PredictInput): string | undefined {
  if (label === undefined) return version;
  if (version !== undefined) throw badRequest('The request names both a version and a label. Give one of them: only one version answers.');
  return registry.resolveLabel(model, String(label)).version;
}

export function checkRowCount(rows: number, maxRows: number): void {
  if (rows === 0) throw badRequest('There are no rows in the request. Send at least one.');
  if (rows > maxRows)
    throw badRequest(
      `There are ${rows} rows in the request, more than ${maxRows}, the most that this host takes at once. Send them in several requests.`,
    );
}

/** One prediction a row, with the names of the classes; its numbers have nine significant digits, as over HTTP. */
export function toPredictions(manifest: ModelManifest, outputs: BatchOutputs): Prediction[] {
  const predictions = predictionsOf(manifest, outputs);
  const { anomaly } = outputs;
  return anomaly ? predictions.map((prediction, row) => ({ ...prediction, anomaly: toNineDigits(anomaly[row]) })) : predictions;
}

function predictionsOf(manifest: ModelManifest, outputs: BatchOutputs): Prediction[] {
  const width = outputWidth(manifest);
  const rows = outputs.values.length / width;
  if (manifest.task === 'multilabel') return labelPredictions(manifest, outputs, rows);
  const values = outputs.classIndex ? undefined : rowValues(manifest, outputs);
  return Array.from({ length: rows }, (_, row) => {
    if (!outputs.classIndex) {
      const value = toNineDigits(values![row]);
      if (!manifest.quantiles) return { value };
      return {
        value,
        quantiles: Object.fromEntries(manifest.quantiles.map((quantile, k) => [quantile, toNineDigits(outputs.values[row * width + k])])),
      };
    }
    const probabilities = Object.fromEntries(manifest.classes.map((name, k) => [name, toNineDigits(outputs.values[row * width + k])]));
    const label = manifest.classes[outputs.classIndex[row]];
    return manifest.task === 'binary'
      ? { label, probability: toNineDigits(outputs.values[row * width + 1]), probabilities }
      : { label, probabilities };
  });
}

function labelPredictions(manifest: ModelManifest, outputs: BatchOutputs, rows: number): Prediction[] {
  const flags = labelFlags(manifest, outputs);
  const byName = <T>(at: (i: number) => T, row: number): Record<string, T> =>
    Object.fromEntries(manifest.classes.map((name, k) => [name, at(row * manifest.classes.length + k)]));
  return Array.from({ length: rows }, (_, row) => ({
    labels: byName((i) => flags[i] === 1, row),
    probabilities: byName((i) => toNineDigits(outputs.values[i]), row),
  }));
}

/** What a result says of its rows beside the predictions. */
function marksOf({ degraded, anomalous }: GuardedInference): Pick<PredictResult, 'degraded' | 'anomalous'> {
  return { ...(degraded ? { degraded } : {}), ...(anomalous ? { anomalous } : {}) };
}
