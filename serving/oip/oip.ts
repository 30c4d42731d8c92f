import { modelOutputs, type ModelManifest } from '../../contracts/model.js';
import type { Degradation } from '../../contracts/serving.js';
import { floatsToBytes, integersToBytes } from './binary-tensor.js';
import { badRequest } from '../http/http-error.js';
import { inferGuarded } from '../anomaly/infer-guarded.js';
import type { ModelRegistry, ServedModel } from '../model-registry.js';
import { isObject, oipDatatype, oipShape, parametersOf, tensorsToColumns } from './oip-input.js';
import type { TensorBody } from '../http/request-body.js';
import type { RequestTerms } from '../request-terms.js';
import { unknownName } from './unknown-name.js';
import { labelFlags, outputWidth, rowValues, type Batch, type BatchOutputs } from '../tensors.js';

/**
 * The Open Inference Protocol v2 on raw columns, over JSON with or without binary tensors.
 *
 * @see https://github.com/kserve/open-inference-protocol
 */

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface ResponseTensor extends TensorMetadata {
  /** Left out of a tensor that follows as bytes. */
  readonly data?: readonly number[];
  readonly parameters?: { readonly binary_data_size: number };
}

export interface InferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs: readonly ResponseTensor[];
}

export interface InferAnswer {
  readonly response: InferResponse;
  /** What follows the JSON, in the order of the outputs. */
  readonly binary: readonly Buffer[];
  readonly degraded?: Degradation;
  readonly anomalous?: readonly number[];
}

export const serverMetadata = {
  name: 'anneal',
  version: '2',
  extensions: ['binary_tensor_data', 'model_repository', 'schedule_policy'],
} as const;

export function modelMetadata(served: ServedModel, versions: readonly string[]): Readonly<Record<string, unknown>> {
  const { manifest } = served.executor;
  return {
    name: served.name,
    versions,
    platform: 'onnx_onnxv1',
    inputs: manifest.inputs.map((input) => ({ name: input.name, datatype: oipDatatype(input), shape: oipShape(input, -1) })),
    outputs: outputMetadata(manifest, -1),
  };
}

export function outputMetadata(manifest: ModelManifest, rows: number): TensorMetadata[] {
  const anomaly = manifest.hasAnomaly ? [{ name: modelOutputs.anomaly, datatype: 'FP32', shape: [rows, 1] }] : [];
  return [...predictionMetadata(manifest, rows), ...anomaly];
}

function predictionMetadata(manifest: ModelManifest, rows: number): TensorMetadata[] {
  if (manifest.task === 'regression') {
    const { quantiles } = manifest;
    return [
      { name: modelOutputs.value, datatype: 'FP32', shape: [rows, 1] },
      ...(quantiles ? [{ name: modelOutputs.quantiles, datatype: 'FP32', shape: [rows, quantiles.length] }] : []),
    ];
  }
  return [
    { name: modelOutputs.probabilities, datatype: 'FP32', shape: [rows, outputWidth(manifest)] },
    manifest.task === 'multilabel'
      ? { name: modelOutputs.labels, datatype: 'INT64', shape: [rows, outputWidth(manifest)] }
      : { name: modelOutputs.classIndex, datatype: 'INT64', shape: [rows, 1] },
  ];
}

/** What one request asks for, whatever its protocol. */
export interface TensorRequest {
  readonly batch: Batch;
  /** Names of the outputs to answer with, in the model's order. */
  readonly outputs: readonly string[];
}

export interface TensorResult {
  readonly model: string;
  readonly version: string;
  readonly degraded?: Degradation;
  /** Positions of the rows that the model's policy takes for anomalous. */
  readonly anomalous?: readonly number[];
  readonly outputs: readonly OutputTensor[];
}

/** One output; `class_index` and `labels` are INT64 although their numbers are held in 32 bits. */
export interface OutputTensor extends TensorMetadata {
  readonly values: Float32Array | Int32Array;
}

/**
 * Run tensors through the active version of a model, or the one that is named.
 *
 * @param read makes raw columns of the request, once it is known which version they are for
 * @throws HttpError 400 that names input and row, 503; AnnealError `UnknownModelVersion`
 */
export async function runTensors(
  registry: ModelRegistry,
  target: { readonly model: string; readonly version?: string },
  read: (manifest: ModelManifest) => TensorRequest,
  terms?: RequestTerms,
): Promise<TensorResult> {
  const served = registry.resolve(target.model, target.version);
  const { manifest } = served.executor;
  const { batch, outputs: names } = read(manifest);
  const { version, outputs, degraded, anomalous } = await inferGuarded(registry, served, batch, terms);
  return {
    model: served.name,
    version,
    ...(degraded ? { degraded } : {}),
    ...(anomalous ? { anomalous } : {}),
    outputs: outputMetadata(manifest, batch.rows)
      // What answers instead may give no score.
      .filter(({ name }) => names.includes(name) && (name !== modelOutputs.anomaly || outputs.anomaly))
      .map(({ name, datatype, shape }) => ({ name, datatype, shape, values: valuesOf(name, manifest, outputs) })),
  };
}

function valuesOf(output: string, manifest: ModelManifest, outputs: BatchOutputs): Float32Array | Int32Array {
  if (output === modelOutputs.classIndex) return outputs.classIndex!;
  if (output === modelOutputs.anomaly) return outputs.anomaly!;
  if (output === modelOutputs.labels) return labelFlags(manifest, outputs);
  return output === modelOutputs.value ? rowValues(manifest, outputs) : outputs.values;
}

/**
 * Answer `…/infer`.
 *
 * @param body parsed JSON, unchecked, and the bytes behind it
 * @throws HttpError 400 that names input and row, 503; AnnealError `UnknownModelVersion`
 */
export async function inferTensors(
  registry: ModelRegistry,
  target: { readonly model: string; readonly version?: string },
  { json: body, binary }: TensorBody,
  maxRows: number,
  terms?: RequestTerms,
): Promise<InferAnswer> {
  if (!isObject(body)) throw badRequest('The body must be a JSON object with "inputs", an array of tensors.');
  const { id, parameters } = body;
  if (id !== undefined && typeof id !== 'string') throw badRequest('The "id" of a request must be a string.');
  if (parameters !== undefined && !isFlat(parameters)) {
    throw badRequest('The "parameters" of a request must be an object whose values are strings, numbers or booleans.');
  }
  const isBinary = new Map<string, boolean>();
  const { model, version, outputs, degraded, anomalous } = await runTensors(
    registry,
    target,
    (manifest) => {
      const requested = jsonOutputs(body.outputs);
      const outputs = requestedOutputs(
        manifest,
        requested.map((output) => output.name),
      );
      for (const name of outputs) isBinary.set(name, parameters?.binary_data_output === true);
      for (const { name, binary_data: asked } of requested) if (asked !== undefined) isBinary.set(name as string, asked === true);
      return { batch: tensorsToColumns(manifest.inputs, body.inputs, maxRows, binary), outputs };
    },
    terms,
  );
  const parts: Buffer[] = [];
  const tensors = outputs.map(({ name, datatype, shape, values }): ResponseTensor => {
    if (!isBinary.get(name)) return { name, datatype, shape, data: Array.from(values) };
    const bytes = outputBytes(values);
    parts.push(bytes);
    return { name, datatype, shape, parameters: { binary_data_size: bytes.length } };
  });
  return {
    response: {
      model_name: model,
      model_version: version,
      ...(id === undefined ? {} : { id }),
      ...(parameters === undefined && !degraded && !anomalous
        ? {}
        : { parameters: { ...parameters, ...(degraded ? { degraded } : {}), ...(anomalous ? { anomalous: anomalous.length } : {}) } }),
      outputs: tensors,
    },
    binary: parts,
    degraded,
    anomalous,
  };
}

/** @returns the tensor's bytes as the protocol wants them, INT64 or FP32 */
export function outputBytes(values: OutputTensor['values']): Buffer {
  return values instanceof Float32Array ? floatsToBytes(values) : integersToBytes(values);
}

/**
 * @param names what the request asked for, unchecked; nothing stands for all
 * @throws HttpError 400 that names the outputs that there are
 */
export function requestedOutputs(manifest: ModelManifest, names: readonly unknown[]): readonly string[] {
  const known = outputNames(manifest);
  if (names.length === 0) return known;
  if (names.every((name): name is string => known.includes(name as string))) return names;
  const at = names.findIndex((name) => typeof name === 'string' && !known.includes(name));
  if (at >= 0) throw badRequest(unknownName(`Entry ${at} of "outputs"`, 'outputs', names[at] as string, known));
  throw badRequest(`"outputs" must be an array of {"name": …}; the outputs of this model are: ${known.join(', ')}.`);
}

const namesByManifest = new WeakMap<ModelManifest, readonly string[]>();

function outputNames(manifest: ModelManifest): readonly string[] {
  let names = namesByManifest.get(manifest);
  if (!names) namesByManifest.set(manifest, (names = outputMetadata(manifest, -1).map((tensor) => tensor.name)));
  return names;
}

function jsonOutputs(outputs: unknown): { readonly name: unknown; readonly binary_data: unknown }[] {
  if (outputs === undefined) return [];
  return (Array.isArray(outputs) ? outputs : [undefined]).map((output: unknown, at) => ({
    name: isObject(output) ? output.name : undefined,
    binary_data: isObject(output) ? parametersOf(output.parameters, `entry ${at} of "outputs"`)?.binary_data : undefined,
  }));
}

function isFlat(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Object.values(value).every((each) => ['string', 'number', 'boolean'].includes(typeof each));
}
