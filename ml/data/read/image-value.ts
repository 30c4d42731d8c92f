import { type ImageInput, imageSize } from '../../../contracts/image-input.js';

/**
 * Read one image of a caller's JSON: numbers of the column's range in a flat or a nested array, [height][width] or
 * [height][width][channels], or base64 of the image's bytes. Pure.
 *
 * @param into where its height · width · channels bytes go
 * @returns whether it was one
 */
export function readImageValue(input: ImageInput, value: unknown, into: Uint8Array): boolean {
  if (typeof value === 'string') return readBase64(value, into);
  const flat: unknown = Array.isArray(value) && Array.isArray(value[0]) ? flattened(input, value) : value;
  return Array.isArray(flat) && flat.length === into.length && readNumbers(input, flat, into);
}

/** @returns whether all are numbers of the column's range, which are rounded to bytes */
export function readNumbers({ range: [black, white] }: Pick<ImageInput, 'range'>, numbers: ArrayLike<unknown>, into: Uint8Array): boolean {
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i];
    if (typeof value !== 'number' || !(value >= black && value <= white)) return false;
    // As the preparation rounds: a half goes up.
    into[i] = Math.floor(value * (255 / white) + 0.5);
  }
  return true;
}

/** In words, for messages. */
export function imageExpectation(input: ImageInput): string {
  const { height, width, channels, range } = input;
  const shape = channels === 1 ? `[${height}][${width}]` : `[${height}][${width}][${channels}]`;
  return `an image: an array ${shape} (or a flat one) of ${imageSize(input)} numbers from ${range[0]} to ${range[1]}, or base64 of ${imageSize(input)} bytes or of a PNG or JPEG file`;
}

function readBase64(text: string, into: Uint8Array): boolean {
  if (text.length !== Math.ceil(into.length / 3) * 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return false;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== into.length) return false;
  into.set(bytes);
  return true;
}

/** @returns the numbers of rows and pixels, or undefined when one of them has another length */
function flattened({ height, width, channels }: ImageInput, rows: readonly unknown[]): unknown[] | undefined {
  if (rows.length !== height) return undefined;
  const flat: unknown[] = [];
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== width) return undefined;
    for (const pixel of row as unknown[]) {
      if (!Array.isArray(pixel)) flat.push(pixel);
      else if (pixel.length === channels) flat.push(...(pixel as unknown[]));
      else return undefined;
    }
  }
  return flat;
}
