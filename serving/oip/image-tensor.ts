import { type ImageInput, imageSize } from '../../contracts/image-input.js';
import { readNumbers } from '../../ml/data/read/image-value.js';
import { badRequest } from '../http/http-error.js';

const integerTypes = ['INT8', 'INT16', 'INT32', 'INT64', 'UINT16', 'UINT32'];
/** Bytes as they are; integers from 0 to 255; floats in the column's range. */
export const imageDatatypes: readonly string[] = ['UINT8', ...integerTypes, 'FP32', 'FP64', 'FP16'];

/** @returns the shapes that a tensor of images may have, without the rows */
export function imageShapes(input: ImageInput): readonly (readonly number[])[] {
  const { height, width, channels } = input;
  return [[height, width, channels], ...(channels === 1 ? [[height, width]] : []), [imageSize(input)]];
}

/**
 * @param data flat or nested numbers, unchecked
 * @returns the bytes [rows · height · width · channels]
 * @throws HttpError 400 when they are too few or too many, or one is beyond the range
 */
export function jsonToImages(input: ImageInput, datatype: string, data: unknown, rows: number): Uint8Array {
  if (!Array.isArray(data)) throw badRequest(`The input "${input.name}" must bring its values as an array in "data".`);
  return numbersToImages(input, datatype, Array.isArray(data[0]) ? data.flat(3) : data, rows);
}

/** @throws HttpError 400 as `jsonToImages` */
export function bytesToImages(input: ImageInput, bytes: Uint8Array, rows: number): Uint8Array {
  if (bytes.length !== rows * imageSize(input)) throw wrongLength(input, bytes.length, rows);
  // A copy, so that no request's body is kept in memory.
  return Uint8Array.from(bytes);
}

/** @throws HttpError 400 as `jsonToImages` */
export function numbersToImages(
  input: ImageInput,
  datatype: string,
  numbers: ArrayLike<unknown> | BigInt64Array,
  rows: number,
): Uint8Array {
  const size = imageSize(input);
  if (numbers.length !== rows * size) throw wrongLength(input, numbers.length, rows);
  const range = datatype.startsWith('FP') ? input.range : ([0, 255] as const);
  const plain = numbers instanceof BigInt64Array ? Float64Array.from(numbers, Number) : numbers;
  const images = new Uint8Array(rows * size);
  if (readNumbers({ range }, plain, images)) return images;
  throw badRequest(`The input "${input.name}" of the datatype ${datatype} must be numbers from ${range[0]} to ${range[1]}.`);
}

function wrongLength(input: ImageInput, found: number, rows: number) {
  return badRequest(`The input "${input.name}" has ${found} values, but its shape says ${rows} images of ${imageSize(input)}.`);
}
