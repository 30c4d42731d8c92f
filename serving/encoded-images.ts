import type { ModelInput } from '../contracts/dataset.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { imageSize, type ImageInput } from '../contracts/image-input.js';
import { decodeImage, ImageProblem } from '../ml/data/images/decode-image.js';

/** How base64 of a PNG and of a JPEG file begins. */
const signatures = { png: 'iVBORw0KGgo', jpeg: '/9j/' } as const;

/** One image at a time: a small file can hold many pixels, and memory is finite. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Decode the images of rows that came as base64 of PNG or JPEG files, stretched to the size that the model takes. Other rows stay as
 * they are. The work is done outside of the thread that calls.
 *
 * @throws AnnealError `InvalidRequest` naming the row of a file that cannot be decoded
 */
export async function decodeImages(inputs: readonly ModelInput[], rows: readonly unknown[]): Promise<readonly unknown[]> {
  const input = inputs.find((each) => each.type === 'uint8');
  if (!input) return rows;
  const decoded: unknown[] = [];
  for (const [index, row] of rows.entries()) {
    const value: unknown =
      typeof row === 'object' && row !== null && Object.hasOwn(row, input.name) ? Reflect.get(row, input.name) : undefined;
    decoded.push(isFile(input, value) ? { ...(row as object), [input.name]: await decode(input, value, index) } : row);
  }
  return decoded;
}

/** Raw bytes may begin like a JPEG by chance, but not like a PNG. */
function isFile(input: ImageInput, value: unknown): value is string {
  if (typeof value !== 'string') return false;
  const isRawLength = value.length === Math.ceil(imageSize(input) / 3) * 4;
  return value.startsWith(signatures.png) || (value.startsWith(signatures.jpeg) && !isRawLength);
}

/** @returns base64 of the image's bytes */
async function decode(input: ImageInput, base64: string, row: number): Promise<string> {
  const { height, width, channels } = input;
  const turn = last.then(() => decodeImage(Buffer.from(base64, 'base64'), { height, width, channels: channels === 1 ? 1 : 3 }));
  last = turn.catch(() => undefined);
  try {
    return Buffer.from(await turn).toString('base64');
  } catch (error) {
    if (!(error instanceof ImageProblem)) throw error;
    throw new AnnealError(
      failureTypes.invalidRequest,
      `Row ${row}: column "${input.name}" is base64 of an image file that cannot be used: ${error.message}. Send a whole PNG or JPEG file, or the numbers of the image.`,
      { row, column: input.name },
    );
  }
}
