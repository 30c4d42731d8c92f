import type { ModelInput, RawInput } from '../../../contracts/dataset.js';
import { type ImageInput, imageSize } from '../../../contracts/image-input.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { similarName } from '../../../contracts/pipeline/similar-name.js';
import { imageExpectation, readImageValue } from './image-value.js';
import { parseIsoTimestamp } from './iso-timestamp.js';
import { missingTimestamp } from './missing-timestamp.js';

/** A raw column as the exported graph takes it: shape [N, 1], images [N, height, width, channels]. */
export type RawTensor =
  | { readonly type: 'string'; readonly data: string[]; readonly dims: readonly [number, 1] }
  | { readonly type: 'int64'; readonly data: BigInt64Array; readonly dims: readonly [number, 1] }
  | { readonly type: 'float64'; readonly data: Float64Array; readonly dims: readonly [number, 1] }
  | { readonly type: 'uint8'; readonly data: Uint8Array; readonly dims: readonly [number, number, number, number] };

/** Rows [from, until) of each tensor; numbers and bytes are views. */
export function sliceTensors(tensors: Readonly<Record<string, RawTensor>>, from: number, until: number): Record<string, RawTensor> {
  const slice = (tensor: RawTensor): RawTensor => {
    const rows = until - from;
    switch (tensor.type) {
      case 'string':
        return { ...tensor, data: tensor.data.slice(from, until), dims: [rows, 1] };
      case 'int64':
        return { ...tensor, data: tensor.data.subarray(from, until), dims: [rows, 1] };
      case 'float64':
        return { ...tensor, data: tensor.data.subarray(from, until), dims: [rows, 1] };
      case 'uint8': {
        const [, height, width, channels] = tensor.dims;
        const size = height * width * channels;
        return { ...tensor, data: tensor.data.subarray(from * size, until * size), dims: [rows, height, width, channels] };
      }
    }
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, slice(tensor)]));
}

/** `Date` ends here, and so do the calendars of callers. */
const maxTimestampMs = 8.64e15;

const expectations: Readonly<Record<RawInput['columnType'], string>> = {
  string: 'a string that is not empty and has no NUL character',
  integer: 'an integer within ±(2^53 − 1)',
  float: 'a finite number',
  boolean: 'true, false, 1 or 0',
  timestamp:
    'an ISO 8601 date-time such as "2001-06-01T12:00:00Z" (UTC where it has no offset) or integer milliseconds since 1970-01-01 UTC',
};

/**
 * Turn a caller's JSON rows into the tensors of the exported graph. Pure.
 *
 * A missing value is `null`, `undefined`, an absent key, "" or NaN, and is accepted where the column is nullable.
 * Keys that are no input are ignored, so that callers may send whole records.
 *
 * @param inputs the model's raw inputs, e.g. `ModelManifest.inputs`
 * @returns a tensor of shape [rows.length, 1] for each input, of an image [rows.length, height, width, channels], by name
 * @throws AnnealError `InvalidRequest` naming row, column and what was expected; of what was sent only the type is repeated
 */
export function rowsToTensors(inputs: readonly ModelInput[], rows: readonly unknown[]): Record<string, RawTensor> {
  const columns = rowsToColumns(inputs, rows);
  // `fromEntries`: a column may be called "__proto__".
  return Object.fromEntries(inputs.map((input, i) => [input.name, columns[i]]));
}

/** `rowsToTensors`, in the order of the inputs. */
export function rowsToColumns(inputs: readonly ModelInput[], rows: readonly unknown[]): RawTensor[] {
  rows.forEach((row, index) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw invalidRequest(
        `Row ${index} is ${typeName(row)}, but each row must be an object with a value by column name. Send rows like ${example(inputs)}.`,
        index,
      );
    }
  });
  const records = rows as readonly Readonly<Record<string, unknown>>[];
  return inputs.map((input) => (input.type === 'uint8' ? imageTensor(input, records) : columnTensor(input, records)));
}

function imageTensor(input: ImageInput, rows: readonly Readonly<Record<string, unknown>>[]): RawTensor {
  const size = imageSize(input);
  const data = new Uint8Array(rows.length * size);
  rows.forEach((row, index) => {
    const value = Object.hasOwn(row, input.name) ? row[input.name] : undefined;
    if (readImageValue(input, value, data.subarray(index * size, (index + 1) * size))) return;
    const found = value === undefined ? 'it is missing' : `${typeName(value)} of another form was sent`;
    throw invalidRequest(
      `Row ${index}: column "${input.name}" must be ${imageExpectation(input)}, but ${found}. Correct the value and send the request again.`,
      index,
      input.name,
    );
  });
  return { type: 'uint8', data, dims: [rows.length, input.height, input.width, input.channels] };
}

function columnTensor(input: RawInput, rows: readonly Readonly<Record<string, unknown>>[]): RawTensor {
  const dims = [rows.length, 1] as const;
  if (input.type === 'string') {
    const data: string[] = [];
    for (let row = 0; row < rows.length; row++) data.push((readCell(input, rows[row], row) ?? '') as string);
    return { type: 'string', data, dims };
  }
  const numbers: number[] = [];
  for (let row = 0; row < rows.length; row++) numbers.push((readCell(input, rows[row], row) ?? Number.NaN) as number);
  if (input.type === 'int64') return { type: 'int64', data: integerColumn(numbers, numbers.length), dims };
  return { type: 'float64', data: Float64Array.from(numbers), dims };
}

/**
 * The first of some integers as 64 bits, without a bigint for each.
 *
 * @param numbers within ±2^53, NaN where there is no value
 */
export function integerColumn(numbers: readonly number[], rows: number): BigInt64Array {
  const column = new BigInt64Array(rows);
  // The lower half is the first one, as on every platform that onnxruntime-node runs on.
  const halves = new Int32Array(column.buffer);
  for (let row = 0; row < rows; row++) {
    const number = numbers[row];
    if (Number.isNaN(number)) column[row] = missingTimestamp;
    else {
      halves[2 * row] = number;
      halves[2 * row + 1] = Math.floor(number / 2 ** 32);
    }
  }
  return column;
}

function readCell(input: RawInput, record: Readonly<Record<string, unknown>>, row: number): string | number | undefined {
  // `hasOwn`: a column may be called "constructor".
  if (Object.hasOwn(record, input.name)) {
    const value = record[input.name];
    const cell = toCell(input, value);
    if (cell !== refused) return cell;
    throw invalidValue(input, row, value === undefined ? 'it is missing' : `${typeName(value)} was sent`);
  }
  if (input.nullable) return undefined;
  // The key itself is not repeated: it is what a caller sent.
  const isMisspelt = similarName(input.name, Object.keys(record).slice(0, comparedKeys)) !== undefined;
  throw invalidValue(input, row, isMisspelt ? 'it is missing; the row has a key that is spelt almost so' : 'it is missing');
}

/** A row of very many keys is not worth the time. */
const comparedKeys = 256;

/** What `toCell` says of a value that is none of its column. */
export const refused = Symbol('refused');

/**
 * A caller's value as the column has it. Pure.
 *
 * @returns undefined for a missing one; `refused` where the column does not take it
 */
export function toCell(input: RawInput, value: unknown): string | number | undefined | typeof refused {
  const isMissing = value === undefined || value === null || value === '' || Number.isNaN(value);
  if (isMissing) return input.nullable ? undefined : refused;
  return convert(input.columnType, value) ?? refused;
}

function invalidValue(input: RawInput, row: number, found: string): AnnealError {
  return invalidRequest(
    `Row ${row}: column "${input.name}" must be ${expectations[input.columnType]}${input.nullable ? ', or null' : ''}, but ${found}. Correct the value and send the request again.`,
    row,
    input.name,
  );
}

function convert(type: RawInput['columnType'], value: unknown): string | number | undefined {
  switch (type) {
    case 'string':
      return typeof value === 'string' && !value.includes('\0') ? value : undefined;
    case 'integer':
      return Number.isSafeInteger(value) ? (value as number) : undefined;
    case 'float':
      return Number.isFinite(value) ? (value as number) : undefined;
    case 'boolean':
      return value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : undefined;
    case 'timestamp': {
      const milliseconds = typeof value === 'string' ? parseIsoTimestamp(value) : value;
      return Number.isInteger(milliseconds) && Math.abs(milliseconds as number) <= maxTimestampMs ? (milliseconds as number) : undefined;
    }
  }
}

/** Kind of a value in words; never its content, which may be personal and may be long. */
export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  if (value === '') return 'an empty string';
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'a number that is not finite';
    if (!Number.isInteger(value)) return 'a number that is not an integer';
    // A column of floats takes it; nobody who means another integer should wonder.
    return Number.isSafeInteger(value)
      ? 'an integer'
      : 'an integer beyond ±(2^53 − 1), of which a number in JSON does not keep all digits,';
  }
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const examples: Readonly<Record<ModelInput['columnType'], unknown>> = {
  image: '<base64 of its bytes>',
  string: 'text',
  integer: 1,
  float: 1.5,
  boolean: true,
  timestamp: '2001-06-01T12:00:00Z',
};

function example(inputs: readonly ModelInput[]): string {
  return JSON.stringify(Object.fromEntries(inputs.map((input) => [input.name, examples[input.columnType]])));
}

function invalidRequest(message: string, row: number, column?: string): AnnealError {
  return new AnnealError(failureTypes.invalidRequest, message, { row, ...(column === undefined ? {} : { column }) });
}
