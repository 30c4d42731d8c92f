import { isUtf8 } from 'node:buffer';
import type { ModelInput } from '../../contracts/dataset.js';
import { imageSize } from '../../contracts/image-input.js';
import type { ModelManifest } from '../../contracts/model.js';
import { bytesToColumn, numbersToColumn } from '../oip/binary-tensor.js';
import { badRequest } from '../http/http-error.js';
import { numbersToImages } from '../oip/image-tensor.js';
import { outputBytes, requestedOutputs, type OutputTensor, type TensorRequest, type TensorResult } from '../oip/oip.js';
import { assembleColumns } from '../oip/oip-input.js';
import type { Column } from '../tensors.js';
import type { Long } from './service-definition.js';

/** `ModelInfer`'s messages: gRPC's form of what `oip.ts` answers. */

export interface TensorContents {
  readonly bool_contents: readonly boolean[];
  readonly int_contents: readonly number[];
  readonly int64_contents: readonly Long[];
  readonly uint_contents: readonly number[];
  readonly fp32_contents: readonly number[];
  readonly fp64_contents: readonly number[];
  readonly bytes_contents: readonly Uint8Array[];
}

interface InputMessage {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly Long[];
  readonly contents: TensorContents | null;
}

export interface InferRequestMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: Readonly<Record<string, object>>;
  readonly inputs: readonly InputMessage[];
  readonly outputs: readonly { readonly name: string }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

const contentsByDatatype: Readonly<Record<string, keyof TensorContents>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

/**
 * Make raw columns of a request, from bytes or from typed contents.
 *
 * @throws HttpError 400 that names the input and the row, and what was expected
 */
export function readInferRequest(request: InferRequestMessage, manifest: ModelManifest, maxRows: number): TensorRequest {
  const { inputs, raw_input_contents: raw } = request;
  if (raw.length > 0 && (raw.length !== inputs.length || inputs.some((input) => input.contents))) {
    throw badRequest(
      `There are ${raw.length} "raw_input_contents" for ${inputs.length} inputs. Send one for each input and no "contents", or "contents" alone.`,
    );
  }
  const tensors = inputs.map((tensor, position) => ({
    name: tensor.name,
    datatype: tensor.datatype,
    shape: tensor.shape.map(toNumber),
    read: (input: ModelInput, rows: number) =>
      raw.length > 0 ? bytesToColumn(input, tensor.datatype, raw[position], rows) : contentsToColumn(input, tensor, rows),
  }));
  return {
    outputs: requestedOutputs(
      manifest,
      request.outputs.map((output) => output.name),
    ),
    batch: assembleColumns(manifest.inputs, tensors, maxRows),
  };
}

/** Answers in the form of the request: bytes to who sent bytes. */
export function toInferResponse(request: InferRequestMessage, { model, version, outputs, degraded, anomalous }: TensorResult): object {
  const isRaw = request.raw_input_contents.length > 0;
  const marks = {
    ...(degraded ? { degraded: { string_param: degraded } } : {}),
    ...(anomalous ? { anomalous: { int64_param: anomalous.length } } : {}),
  };
  return {
    model_name: model,
    model_version: version,
    id: request.id,
    parameters: degraded || anomalous ? { ...request.parameters, ...marks } : request.parameters,
    outputs: outputs.map(({ values, ...tensor }) => (isRaw ? tensor : { ...tensor, contents: outputContents(values) })),
    raw_output_contents: isRaw ? outputs.map(({ values }) => outputBytes(values)) : [],
  };
}

function outputContents(values: OutputTensor['values']): object {
  return values instanceof Float32Array ? { fp32_contents: values } : { int64_contents: values };
}

function contentsToColumn(input: ModelInput, tensor: InputMessage, rows: number): Column {
  const field = contentsByDatatype[tensor.datatype];
  if (!field) throw badRequest(`The input "${input.name}" of the datatype ${tensor.datatype} must come in "raw_input_contents".`);
  const values = tensor.contents?.[field] ?? [];
  const count = input.type === 'uint8' ? rows * imageSize(input) : rows;
  if (values.length !== count)
    throw badRequest(`The input "${input.name}" has ${values.length} values in "${field}", but its shape says ${count}.`);
  if (field === 'bytes_contents') return (values as readonly Uint8Array[]).map((bytes, row) => toText(input, bytes, row));
  const numbers = field === 'int64_contents' ? toInt64s(values as readonly Long[]) : (values as readonly number[]);
  return input.type === 'uint8' ? numbersToImages(input, tensor.datatype, numbers, rows) : numbersToColumn(input, numbers);
}

function toText(input: ModelInput, bytes: Uint8Array, row: number): string {
  if (!isUtf8(bytes)) throw badRequest(`Row ${row} of the input "${input.name}" is not UTF-8.`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function toInt64s(values: readonly Long[]): BigInt64Array {
  const halves = new Int32Array(2 * values.length); // low and high of each value
  values.forEach((value, i) => {
    const number = typeof value === 'number';
    halves[2 * i] = number ? value : value.low;
    halves[2 * i + 1] = number ? Math.floor(value / 2 ** 32) : value.high;
  });
  return new BigInt64Array(halves.buffer); // [rows]
}

function toNumber(value: Long): number {
  return typeof value === 'number' ? value : value.toNumber();
}
