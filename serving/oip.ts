import { modelOutputs, type ModelManifest } from '../contracts/model.js';
import { badRequest } from './http-error.js';
import type { ModelRegistry, ServedModel } from './model-registry.js';
import { isObject, oipDatatype, tensorsToColumns } from './oip-input.js';
import { checkRowCount } from './predictions.js';
import { outputWidth, type BatchOutputs } from './tensors.js';

/**
 * The Open Inference Protocol v2 over JSON, on raw columns.
 *
 * @see https://github.com/kserve/open-inference-protocol
 */

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface ResponseTensor extends TensorMetadata {
  readonly data: readonly number[];
}

export interface InferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs: readonly ResponseTensor[];
}

export function modelMetadata(served: ServedModel, versions: readonly string[]): Readonly<Record<string, unknown>> {
  const { manifest } = served.executor;
  return {
    name: served.name,
    versions,
    platform: 'onnx_onnxv1',
    inputs: manifest.inputs.map((input) => ({ name: input.name, datatype: oipDatatype(input), shape: [-1, 1] })),
    outputs: outputMetadata(manifest, -1),
  };
}

function outputMetadata(manifest: ModelManifest, rows: number): TensorMetadata[] {
  if (manifest.task === 'regression') return [{ name: modelOutputs.value, datatype: 'FP32', shape: [rows, 1] }];
  return [
    { name: modelOutputs.probabilities, datatype: 'FP32', shape: [rows, outputWidth(manifest)] },
    { name: modelOutputs.classIndex, datatype: 'INT64', shape: [rows, 1] },
  ];
}

/**
 * Answer `…/infer`.
 *
 * @param body the parsed JSON, unchecked
 * @throws HttpError 400 that names input and row, 503; AnnealError `UnknownModelVersion`
 */
export async function inferTensors(
  registry: ModelRegistry,
  target: { readonly model: string; readonly version?: string },
  body: unknown,
  maxRows: number,
): Promise<InferResponse> {
  if (!isObject(body)) throw badRequest('The body must be a JSON object with "inputs", an array of tensors.');
  const { id, parameters } = body;
  if (id !== undefined && typeof id !== 'string') throw badRequest('The "id" of a request must be a string.');
  if (parameters !== undefined && !isFlat(parameters)) {
    throw badRequest('The "parameters" of a request must be an object whose values are strings, numbers or booleans.');
  }
  const served = registry.resolve(target.model, target.version);
  const { manifest } = served.executor;
  const wanted = requestedOutputs(manifest, body.outputs);
  const batch = tensorsToColumns(manifest.inputs, body.inputs);
  checkRowCount(batch.rows, maxRows);
  const outputs = await served.executor.infer(batch);
  return {
    model_name: served.name,
    model_version: served.version,
    ...(id === undefined ? {} : { id }),
    ...(parameters === undefined ? {} : { parameters }),
    outputs: outputMetadata(manifest, batch.rows)
      .filter((tensor) => !wanted || wanted.has(tensor.name))
      .map((tensor) => ({ ...tensor, data: outputData(tensor.name, outputs) })),
  };
}

function requestedOutputs(manifest: ModelManifest, outputs: unknown): ReadonlySet<string> | undefined {
  if (outputs === undefined || (Array.isArray(outputs) && outputs.length === 0)) return undefined;
  const known = outputMetadata(manifest, -1).map((tensor) => tensor.name);
  const names = Array.isArray(outputs) ? outputs.map((output: unknown) => (isObject(output) ? output.name : undefined)) : [undefined];
  const isKnown = (name: unknown): name is string => typeof name === 'string' && known.includes(name);
  if (names.every(isKnown)) return new Set(names);
  throw badRequest(`"outputs" must be an array of {"name": …}; the outputs of this model are: ${known.join(', ')}.`);
}

function outputData(name: string, outputs: BatchOutputs): number[] {
  return Array.from(name === modelOutputs.classIndex ? (outputs.classIndex ?? []) : outputs.values);
}

function isFlat(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Object.values(value).every((each) => ['string', 'number', 'boolean'].includes(typeof each));
}
