import type { RawInput } from '../contracts/dataset.js';
import { missingTimestamp } from '../ml/data/lower-calendar.js';
import { badRequest } from './http-error.js';
import type { Column } from './tensors.js';

const int64Range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

const integerTypes = ['INT8', 'INT16', 'INT32', 'UINT8', 'UINT16', 'UINT32'];
/** Datatypes that a tensor may declare for a raw column: the column's own, and those that fit into it without loss. */
const acceptedTypes: Readonly<Record<RawInput['type'], readonly string[]>> = {
  string: ['BYTES'],
  int64: ['INT64', ...integerTypes],
  float64: ['FP64', 'FP32', 'FP16', 'INT64', ...integerTypes],
};

export function oipDatatype(input: RawInput): 'BYTES' | 'INT64' | 'FP64' {
  return ({ string: 'BYTES', int64: 'INT64', float64: 'FP64' } as const)[input.type];
}

interface JsonTensor {
  readonly rows: number;
  readonly datatype: string;
  readonly data: readonly unknown[];
}

/**
 * Turn the input tensors of an Open Inference Protocol request into raw columns.
 *
 * `null` is a missing value where the column is nullable, and so is a tensor that is left out.
 *
 * @param tensors `inputs` of the request, unchecked
 * @throws HttpError 400 that names the input and the row, and what was expected
 */
export function tensorsToColumns(inputs: readonly RawInput[], tensors: unknown): { rows: number; columns: Column[] } {
  if (!Array.isArray(tensors))
    throw badRequest('The body must be an object with "inputs", an array of tensors {"name", "shape", "datatype", "data"}.');
  const byName = new Map<string, JsonTensor>();
  const known = new Map(inputs.map((input) => [input.name, input]));
  tensors.forEach((tensor: unknown, position) => {
    const name = isObject(tensor) && typeof tensor.name === 'string' ? tensor.name : undefined;
    const input = name === undefined ? undefined : known.get(name);
    if (!input) {
      throw badRequest(
        `Tensor ${position} of "inputs" has no name that the model knows. Its inputs are: ${inputs.map((each) => each.name).join(', ')}.`,
      );
    }
    if (byName.has(input.name)) throw badRequest(`The input "${input.name}" is there twice. Send each input once.`);
    byName.set(input.name, readTensor(input, tensor as Record<string, unknown>));
  });
  const rows = [...byName.values()][0]?.rows ?? 0;
  for (const [name, tensor] of byName) {
    if (tensor.rows !== rows)
      throw badRequest(`The input "${name}" has ${tensor.rows} rows, and another one has ${rows}. All inputs must have as many rows.`);
  }
  return { rows, columns: inputs.map((input) => toColumn(input, byName.get(input.name), rows)) };
}

function readTensor(input: RawInput, tensor: Record<string, unknown>): JsonTensor {
  const { shape, datatype, data } = tensor;
  const accepted = [...acceptedTypes[input.type], ...(input.columnType === 'boolean' ? ['BOOL'] : [])];
  if (typeof datatype !== 'string' || !accepted.includes(datatype)) {
    throw badRequest(
      `The input "${input.name}" must have the datatype ${oipDatatype(input)}. Taken as well: ${accepted.slice(1).join(', ') || 'none'}.`,
    );
  }
  const isShape =
    Array.isArray(shape) &&
    (shape.length === 1 || (shape.length === 2 && shape[1] === 1)) &&
    Number.isSafeInteger(shape[0]) &&
    shape[0] >= 0;
  if (!isShape) throw badRequest(`The input "${input.name}" must have the shape [N] or [N, 1], with N rows.`);
  if (!Array.isArray(data)) throw badRequest(`The input "${input.name}" must bring its values as an array in "data".`);
  const rows = (shape as number[])[0];
  if (data.length !== rows)
    throw badRequest(`The input "${input.name}" has ${data.length} values in "data", but its shape says ${rows} rows.`);
  const flat = data.map((value: unknown) =>
    shape.length === 2 && Array.isArray(value) && value.length === 1 ? (value[0] as unknown) : value,
  );
  return { rows, datatype, data: flat };
}

function toColumn(input: RawInput, tensor: JsonTensor | undefined, rows: number): Column {
  if (!tensor && !input.nullable) {
    throw badRequest(`The input "${input.name}" is missing. Send a tensor of the datatype ${oipDatatype(input)} and the shape [N, 1].`);
  }
  const value = (row: number): unknown => (tensor ? tensor.data[row] : null);
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
