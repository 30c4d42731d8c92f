import type { ModelInput, RawInput } from '../contracts/dataset.js';
import { imageSize } from '../contracts/image-input.js';
import { missingTimestamp } from '../ml/data/read/missing-timestamp.js';
import { bytesToColumn } from './binary-tensor.js';
import { badRequest } from './http-error.js';
import { imageDatatypes, imageShapes, jsonToImages } from './image-tensor.js';
import { checkRowCount } from './predictions.js';
import type { Batch, Column } from './tensors.js';

const int64Range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

const integerTypes = ['INT8', 'INT16', 'INT32', 'UINT8', 'UINT16', 'UINT32'];
/** Datatypes that a tensor may declare for a raw column: the column's own, and those that fit into it without loss. */
const acceptedTypes: Readonly<Record<ModelInput['type'], readonly string[]>> = {
  string: ['BYTES'],
  int64: ['INT64', ...integerTypes],
  float64: ['FP64', 'FP32', 'FP16', 'INT64', ...integerTypes],
  uint8: imageDatatypes,
};

export function oipDatatype(input: ModelInput): 'BYTES' | 'INT64' | 'FP64' | 'UINT8' {
  return ({ string: 'BYTES', int64: 'INT64', float64: 'FP64', uint8: 'UINT8' } as const)[input.type];
}

/** @returns the shape of an input's tensor of N rows */
export function oipShape(input: ModelInput, rows: number): number[] {
  return input.type === 'uint8' ? [rows, input.height, input.width, input.channels] : [rows, 1];
}

/** One input of a request, in whatever form its protocol brought the values. */
export interface InputTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: string;
  /**
   * @returns the values [rows], of images [rows · height · width · channels], as the raw column takes them
   * @throws HttpError 400 that names the input, the row, and what was expected
   */
  readonly read: (input: ModelInput, rows: number) => Column;
}

/** The bytes behind the JSON of a request, tensor after tensor. */
export interface BinaryPart {
  readonly bytes: Uint8Array;
}

/**
 * Turn the input tensors of an Open Inference Protocol request in JSON into raw columns.
 *
 * `null` is a missing value where the column is nullable, and so is a tensor that is left out.
 *
 * @param tensors `inputs` of the request, unchecked
 * @param binary values of those tensors that say "binary_data_size" instead of "data"
 * @throws HttpError 400 that names the input and the row, and what was expected
 */
export function tensorsToColumns(inputs: readonly ModelInput[], tensors: unknown, maxRows: number, binary?: BinaryPart): Batch {
  if (!Array.isArray(tensors))
    throw badRequest('The body must be an object with "inputs", an array of tensors {"name", "shape", "datatype", "data"}.');
  let at = 0;
  const takeBytes = (sizeBytes: number): Uint8Array | undefined => {
    const end = at + sizeBytes;
    if (!binary || end > binary.bytes.length) return undefined;
    const taken = binary.bytes.subarray(at, end);
    at = end;
    return taken;
  };
  const batch = assembleColumns(
    inputs,
    tensors.map((tensor: unknown) => jsonTensor(tensor, takeBytes)),
    maxRows,
  );
  if (binary && at < binary.bytes.length) {
    throw badRequest(
      `There are ${binary.bytes.length - at} bytes after the last binary tensor. The sizes in "binary_data_size" must add up to what follows the JSON.`,
    );
  }
  return batch;
}

/**
 * Order tensors as the model takes them, and check names, datatypes, shapes and numbers of rows.
 *
 * @param tensors undefined for one without a name
 * @throws HttpError 400 that names the input and the row, and what was expected
 */
export function assembleColumns(inputs: readonly ModelInput[], tensors: readonly (InputTensor | undefined)[], maxRows: number): Batch {
  const known = new Map(inputs.map((input) => [input.name, input]));
  const columns = new Map<string, Column>();
  tensors.forEach((tensor, position) => {
    const input = tensor && known.get(tensor.name);
    if (!input) {
      throw badRequest(
        `Tensor ${position} of "inputs" has no name that the model knows. Its inputs are: ${inputs.map((each) => each.name).join(', ')}.`,
      );
    }
    if (columns.has(input.name)) throw badRequest(`The input "${input.name}" is there twice. Send each input once.`);
    checkDatatype(input, tensor.datatype);
    const rows = rowsOf(input, tensor.shape);
    // Before the values are read: a column of strings or wide numbers is much larger than the bytes that it came in.
    checkRowCount(rows, maxRows);
    columns.set(input.name, tensor.read(input, rows));
  });
  const counts = inputs.flatMap((input) => {
    const column = columns.get(input.name);
    return column ? [{ name: input.name, rows: input.type === 'uint8' ? column.length / imageSize(input) : column.length }] : [];
  });
  const rows = counts[0]?.rows ?? 0;
  checkRowCount(rows, maxRows);
  for (const count of counts) {
    if (count.rows !== rows)
      throw badRequest(`The input "${count.name}" has ${count.rows} rows, and another one has ${rows}. All inputs must have as many rows.`);
  }
  return { rows, columns: inputs.map((input) => columns.get(input.name) ?? missingColumn(input, rows)) };
}

function checkDatatype(input: ModelInput, datatype: unknown): void {
  const accepted = [...acceptedTypes[input.type], ...(input.columnType === 'boolean' ? ['BOOL'] : [])];
  if (typeof datatype !== 'string' || !accepted.includes(datatype)) {
    throw badRequest(
      `The input "${input.name}" must have the datatype ${oipDatatype(input)}. Taken as well: ${accepted.slice(1).join(', ') || 'none'}.`,
    );
  }
}

function rowsOf(input: ModelInput, shape: unknown): number {
  if (input.type === 'uint8') return imageRows(input, shape);
  const isShape =
    Array.isArray(shape) &&
    (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) &&
    Number.isSafeInteger(shape[0]) &&
    shape[0] >= 0;
  if (!isShape) throw badRequest(`The input "${input.name}" must have the shape [N] or [N, 1], with N rows.`);
  return (shape as number[])[0];
}

function imageRows(input: Extract<ModelInput, { type: 'uint8' }>, shape: unknown): number {
  const shapes = imageShapes(input);
  const [rows, ...rest] = Array.isArray(shape) ? (shape as unknown[]) : [];
  if (Number.isSafeInteger(rows) && (rows as number) >= 0 && shapes.some((each) => each.join() === rest.join())) return rows as number;
  throw badRequest(
    `The input "${input.name}" must have the shape ${shapes.map((each) => `[${['N', ...each].join(', ')}]`).join(' or ')}, with N rows.`,
  );
}

function missingColumn(input: ModelInput, rows: number): Column {
  if (!input.nullable) {
    throw badRequest(
      `The input "${input.name}" is missing. Send a tensor of the datatype ${oipDatatype(input)} and the shape [${['N', ...oipShape(input, 0).slice(1)].join(', ')}].`,
    );
  }
  switch (input.type) {
    case 'string':
      return Array.from({ length: rows }, () => '');
    case 'int64':
      return new BigInt64Array(rows).fill(missingTimestamp);
    case 'float64':
      return new Float64Array(rows).fill(Number.NaN);
  }
}

/** @returns undefined for what has no name */
function jsonTensor(tensor: unknown, takeBytes: (sizeBytes: number) => Uint8Array | undefined): InputTensor | undefined {
  if (!isObject(tensor) || typeof tensor.name !== 'string') return undefined;
  const sizeBytes = isObject(tensor.parameters) ? tensor.parameters.binary_data_size : undefined;
  return {
    name: tensor.name,
    // Unchecked as yet: what takes them looks at them as at anything unknown.
    shape: tensor.shape as readonly number[],
    datatype: tensor.datatype as string,
    read: (input, rows) => {
      if (sizeBytes === undefined && input.type === 'uint8') return jsonToImages(input, tensor.datatype as string, tensor.data, rows);
      if (sizeBytes === undefined && input.type !== 'uint8')
        return jsonToColumn(input, tensor.data, rows, tensor.shape as readonly number[]);
      if (tensor.data !== undefined)
        throw badRequest(`The input "${input.name}" has both "data" and "binary_data_size". Send its values once.`);
      const bytes = Number.isSafeInteger(sizeBytes) && (sizeBytes as number) >= 0 ? takeBytes(sizeBytes as number) : undefined;
      if (!bytes) {
        throw badRequest(
          `The "binary_data_size" of the input "${input.name}" must be a number of bytes that follow the JSON, whose length the header "Inference-Header-Content-Length" says.`,
        );
      }
      return bytesToColumn(input, tensor.datatype as string, bytes, rows);
    },
  };
}

function jsonToColumn(input: RawInput, data: unknown, rows: number, shape: readonly number[]): Column {
  if (!Array.isArray(data)) throw badRequest(`The input "${input.name}" must bring its values as an array in "data".`);
  if (data.length !== rows)
    throw badRequest(`The input "${input.name}" has ${data.length} values in "data", but its shape says ${rows} rows.`);
  const isNested = shape.length === 2;
  const value = (row: number): unknown => {
    const each: unknown = data[row];
    return isNested && Array.isArray(each) && each.length === 1 ? (each[0] as unknown) : each;
  };
  const refuse = (row: number, expected: string): never => {
    throw badRequest(`Row ${row} of the input "${input.name}" must be ${expected}${input.nullable ? ', or null' : ''}.`);
  };
  const isMissing = (row: number) => input.nullable && (value(row) === null || value(row) === undefined);
  switch (input.type) {
    case 'string':
      return Array.from({ length: rows }, (_, row) => {
        if (isMissing(row)) return '';
        const text = value(row);
        return typeof text === 'string' ? text : refuse(row, 'a string');
      });
    case 'int64':
      return BigInt64Array.from({ length: rows }, (_, row) =>
        isMissing(row)
          ? missingTimestamp
          : (toInt64(value(row)) ?? refuse(row, 'an integer of 64 bits; beyond 2^53 as a string of decimal digits')),
      );
    case 'float64':
      return Float64Array.from({ length: rows }, (_, row) =>
        isMissing(row) ? Number.NaN : (toFloat64(value(row)) ?? refuse(row, 'a number')),
      );
  }
}

function toInt64(value: unknown): bigint | undefined {
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  // JSON numbers lose their last digits beyond 2^53, so a larger one comes as text.
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined;
  const parsed = BigInt(value);
  return parsed >= int64Range.min && parsed <= int64Range.max ? parsed : undefined;
}

function toFloat64(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
