import type { ModelInput } from '../../contracts/dataset.js';
import { imageSize } from '../../contracts/image-input.js';
import { similarName } from '../../contracts/pipeline/similar-name.js';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import { bytesToColumn } from './binary-tensor.js';
import { badRequest } from '../http/http-error.js';
import { integerRanges, jsonToColumn } from './json-column.js';
import { imageDatatypes, imageShapes, jsonToImages } from './image-tensor.js';
import { checkRowCount } from '../predictions.js';
import { unknownName } from './unknown-name.js';
import { checkTensorValues } from './tensor-values.js';
import type { Batch, Column } from '../tensors.js';

const integerTypes = Object.keys(integerRanges);
/** Datatypes that a tensor may declare for a raw column: the column's own, and those that fit into it without loss. */
const acceptedTypes: Readonly<Record<ModelInput['type'], readonly string[]>> = {
  string: ['BYTES'],
  int64: ['INT64', ...integerTypes],
  float64: ['FP64', 'FP32', 'FP16', 'INT64', ...integerTypes],
  uint8: imageDatatypes,
};

/** The protocol's own, of which a column takes some. */
const protocolTypes = new Set(['BOOL', ...integerTypes, 'INT64', 'UINT64', 'FP16', 'BF16', 'FP32', 'FP64', 'BYTES']);

const datatypes = { string: 'BYTES', int64: 'INT64', float64: 'FP64', uint8: 'UINT8' } as const;

export function oipDatatype(input: ModelInput): 'BYTES' | 'INT64' | 'FP64' | 'UINT8' {
  return datatypes[input.type];
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
  read(input: ModelInput, rows: number): Column;
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
  const rest = new BinaryRest(binary?.bytes);
  const batch = assembleColumns(
    inputs,
    tensors.map((tensor: unknown) =>
      isObject(tensor) && typeof tensor.name === 'string' ? new JsonTensor(tensor.name, tensor, rest) : undefined,
    ),
    maxRows,
  );
  if (rest.length > 0) {
    throw badRequest(
      `There are ${rest.length} bytes after the last binary tensor. The sizes in "binary_data_size" must add up to what follows the JSON.`,
    );
  }
  return batch;
}

/** The bytes behind the JSON that no tensor has taken yet. */
class BinaryRest {
  #at = 0;

  constructor(private readonly bytes: Uint8Array = new Uint8Array()) {}

  get length(): number {
    return this.bytes.length - this.#at;
  }

  /** @returns undefined when there are not so many */
  take(sizeBytes: number): Uint8Array | undefined {
    if (sizeBytes > this.length) return undefined;
    this.#at += sizeBytes;
    return this.bytes.subarray(this.#at - sizeBytes, this.#at);
  }
}

/**
 * Order tensors as the model takes them, and check names, datatypes, shapes and numbers of rows.
 *
 * @param tensors undefined for one without a name
 * @throws HttpError 400 that names the input and the row, and what was expected
 */
export function assembleColumns(inputs: readonly ModelInput[], tensors: readonly (InputTensor | undefined)[], maxRows: number): Batch {
  const positions = positionsOf(inputs);
  const columns: (Column | undefined)[] = inputs.map(() => undefined);
  for (const [position, tensor] of tensors.entries()) {
    const at = tensor && positions.get(tensor.name);
    if (at === undefined) {
      const known = inputs.map((each) => each.name);
      throw badRequest(
        tensor
          ? unknownName(`Tensor ${position} of "inputs"`, 'inputs', tensor.name, known)
          : `Tensor ${position} of "inputs" has no name. The inputs of this model are: ${known.join(', ')}.`,
      );
    }
    const input = inputs[at];
    if (columns[at]) throw badRequest(`The input "${input.name}" is there twice. Send each input once.`);
    checkDatatype(input, tensor!.datatype);
    const rows = rowsOf(input, tensor!.shape);
    // Before the values are read: a column of strings or wide numbers is much larger than the bytes that it came in.
    checkRowCount(rows, maxRows);
    const column = tensor!.read(input, rows);
    checkTensorValues(input, column);
    columns[at] = column;
  }
  const first = columns.findIndex((column) => column !== undefined);
  const rows = first < 0 ? 0 : rowsIn(inputs[first], columns[first]!);
  checkRowCount(rows, maxRows);
  return { rows, columns: columns.map((column, i) => (column ? withRows(inputs[i], column, rows) : missingColumn(inputs[i], rows))) };
}

const positionsByInputs = new WeakMap<readonly ModelInput[], ReadonlyMap<string, number>>();

function positionsOf(inputs: readonly ModelInput[]): ReadonlyMap<string, number> {
  let positions = positionsByInputs.get(inputs);
  if (!positions) positionsByInputs.set(inputs, (positions = new Map(inputs.map((input, i) => [input.name, i]))));
  return positions;
}

function rowsIn(input: ModelInput, column: Column): number {
  return input.type === 'uint8' ? column.length / imageSize(input) : column.length;
}

function withRows(input: ModelInput, column: Column, rows: number): Column {
  const found = rowsIn(input, column);
  if (found === rows) return column;
  throw badRequest(`The input "${input.name}" has ${found} rows, and another one has ${rows}. All inputs must have as many rows.`);
}

function checkDatatype(input: ModelInput, datatype: unknown): void {
  if (datatype === oipDatatype(input)) return;
  const accepted = [...acceptedTypes[input.type], ...(input.columnType === 'boolean' ? ['BOOL'] : [])];
  if (typeof datatype !== 'string' || !accepted.includes(datatype)) {
    const given = typeof datatype === 'string' ? datatype.slice(0, 16) : '';
    const meant = similarName(given, accepted);
    const found = protocolTypes.has(given)
      ? `${given} was sent`
      : given === ''
        ? 'none was sent'
        : "what was sent is none of the protocol's";
    throw badRequest(
      `The input "${input.name}" must have the datatype ${accepted[0]}, since its column is of the type ${input.columnType}, but ${found}.${meant === undefined ? '' : ` Did you mean ${meant}?`}${accepted.length > 1 ? ` Taken as well: ${accepted.slice(1).join(', ')}.` : ''}`,
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

/** A tensor in JSON, its values in `data` or among the bytes behind the JSON. */
class JsonTensor implements InputTensor {
  constructor(
    readonly name: string,
    private readonly tensor: Readonly<Record<string, unknown>>,
    private readonly rest: BinaryRest,
  ) {}

  /** Unchecked as yet, as the datatype: what takes them looks at them as at anything unknown. */
  get shape(): readonly number[] {
    return this.tensor.shape as readonly number[];
  }

  get datatype(): string {
    return this.tensor.datatype as string;
  }

  read(input: ModelInput, rows: number): Column {
    const { data, parameters } = this.tensor;
    const sizeBytes = parametersOf(parameters, `the input "${input.name}"`)?.binary_data_size;
    if (sizeBytes === undefined) {
      return input.type === 'uint8' ? jsonToImages(input, this.datatype, data, rows) : jsonToColumn(input, this, data, rows);
    }
    if (data !== undefined) throw badRequest(`The input "${input.name}" has both "data" and "binary_data_size". Send its values once.`);
    const bytes = Number.isSafeInteger(sizeBytes) && (sizeBytes as number) >= 0 ? this.rest.take(sizeBytes as number) : undefined;
    if (!bytes) {
      throw badRequest(
        `The "binary_data_size" of the input "${input.name}" must be a number of bytes that follow the JSON, whose length the header "Inference-Header-Content-Length" says.`,
      );
    }
    return bytesToColumn(input, this.datatype, bytes, rows);
  }
}

/**
 * @param whose for the message
 * @returns undefined where there are none
 * @throws HttpError 400
 */
export function parametersOf(parameters: unknown, whose: string): Readonly<Record<string, unknown>> | undefined {
  if (parameters === undefined || parameters === null) return undefined;
  if (isObject(parameters)) return parameters;
  throw badRequest(`The "parameters" of ${whose} must be an object.`);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
