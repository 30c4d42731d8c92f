import { isAscii, isUtf8 } from 'node:buffer';
import type { ModelInput, RawInput } from '../../contracts/dataset.js';
import { imageSize } from '../../contracts/image-input.js';
import { badRequest } from '../http/http-error.js';
import { bytesToImages, numbersToImages } from './image-tensor.js';
import type { Column } from '../tensors.js';

/**
 * Tensors as bytes: elements in row-major order, little-endian as every platform that onnxruntime-node runs on; strings behind
 * their length in four bytes.
 *
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */

const numberArrays = {
  BOOL: Uint8Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

/**
 * Read one input's bytes as the raw column that the model takes.
 *
 * @param datatype one that is accepted for this input
 * @returns the column [rows], of images [rows · height · width · channels]; nothing of it shares memory with `bytes`
 * @throws HttpError 400 when the bytes are too few or too many, a text is not UTF-8, or a number is not finite
 */
export function bytesToColumn(input: ModelInput, datatype: string, bytes: Uint8Array, rows: number): Column {
  if (input.type === 'uint8') {
    if (datatype === 'UINT8') return bytesToImages(input, bytes, rows);
    return numbersToImages(input, datatype, bytesToNumbers(input, datatype, bytes, rows * imageSize(input)), rows);
  }
  if (input.type === 'string') return bytesToStrings(input, bytes, rows);
  const values = bytesToNumbers(input, datatype, bytes, rows);
  return numbersToColumn(input, values);
}

/**
 * Turn numbers of any datatype that fits into the raw column.
 *
 * @throws HttpError 400 that names the row of a number that is not finite; NaN is a missing value where the column is nullable
 */
export function numbersToColumn(input: RawInput, values: ArrayLike<number> | BigInt64Array): Column {
  if (input.type === 'int64') {
    if (values instanceof BigInt64Array) return values;
    const column = new BigInt64Array(values.length); // [rows]
    for (let row = 0; row < values.length; row++) column[row] = BigInt(values[row]);
    return column;
  }
  const column = values instanceof Float64Array ? values : toFloat64s(values); // [rows]
  for (let row = 0; row < column.length; row++) {
    if (!Number.isFinite(column[row]) && !(input.nullable && Number.isNaN(column[row]))) {
      throw badRequest(`Row ${row} of the input "${input.name}" must be a finite number${input.nullable ? ', or NaN' : ''}.`);
    }
  }
  return column;
}

function toFloat64s(values: ArrayLike<number> | BigInt64Array): Float64Array {
  const column = new Float64Array(values.length); // [rows]
  for (let row = 0; row < column.length; row++) column[row] = Number(values[row]);
  return column;
}

/** @param count elements that there must be */
export function bytesToNumbers(input: ModelInput, datatype: string, bytes: Uint8Array, count: number): ArrayLike<number> | BigInt64Array {
  if (datatype === 'FP16') return halvesToNumbers(new Uint16Array(aligned(input, bytes, count, 2)));
  if (datatype === 'INT64') return new BigInt64Array(aligned(input, bytes, count, 8));
  const NumberArray = numberArrays[datatype as keyof typeof numberArrays];
  return new NumberArray(aligned(input, bytes, count, NumberArray.BYTES_PER_ELEMENT));
}

/** A copy that begins at a multiple of the element's size, as typed arrays need it, and that keeps no request's body in memory. */
function aligned(input: ModelInput, bytes: Uint8Array, count: number, elementBytes: number): ArrayBuffer {
  if (bytes.byteLength !== count * elementBytes) {
    throw badRequest(
      `The input "${input.name}" has ${bytes.byteLength} bytes of data, but its shape and datatype say ${count} × ${elementBytes}.`,
    );
  }
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/** IEEE 754 half precision: 1 bit of sign, 5 of exponent, 10 of fraction. */
function halvesToNumbers(halves: Uint16Array): Float64Array {
  const numbers = new Float64Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const exponent = (halves[i] >> 10) & 0x1f;
    const fraction = halves[i] & 0x3ff;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 0x1f
          ? fraction === 0
            ? Number.POSITIVE_INFINITY
            : Number.NaN
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    numbers[i] = halves[i] & 0x8000 ? -magnitude : magnitude;
  }
  return numbers;
}

function bytesToStrings(input: RawInput, bytes: Uint8Array, rows: number): string[] {
  // Each text costs four bytes at least, so a shape cannot make this larger than the body was.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Texts that are ASCII are copied instead of decoded; the lengths of short ones are below 128, too.
  const isPlain = isAscii(buffer);
  const texts: string[] = [];
  let at = 0;
  while (at < buffer.length) {
    if (texts.length === rows) throw wrongTexts(input, rows, 'there are more bytes');
    if (at + 4 > buffer.length) throw wrongTexts(input, rows, 'the last length is cut off');
    const from = at + 4;
    at = from + buffer.readUInt32LE(at);
    if (at > buffer.length) throw wrongTexts(input, rows, `text ${texts.length} is longer than what is there`);
    if (!isPlain && !isUtf8(buffer.subarray(from, at))) throw wrongTexts(input, rows, `text ${texts.length} is not UTF-8`);
    texts.push(buffer.toString(isPlain ? 'latin1' : 'utf8', from, at));
  }
  if (texts.length < rows) throw wrongTexts(input, rows, `there are ${texts.length}`);
  return texts;
}

function wrongTexts(input: RawInput, rows: number, what: string): Error {
  return badRequest(`The input "${input.name}" must bring ${rows} texts, each of them UTF-8 behind its length in four bytes; ${what}.`);
}

/** @returns the bytes of an FP32 tensor; a view, nothing is copied */
export function floatsToBytes(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** @returns the bytes of an INT64 tensor */
export function integersToBytes(values: Int32Array): Buffer {
  const halves = new Int32Array(2 * values.length); // low and high of each value
  for (let i = 0; i < values.length; i++) {
    halves[2 * i] = values[i];
    halves[2 * i + 1] = values[i] >> 31;
  }
  return Buffer.from(halves.buffer);
}
