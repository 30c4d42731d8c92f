import type sharpFactory from 'sharp';
import { firstLine } from '../../first-line.js';
import { imageBytes, type ImageShape } from './image-shape.js';

/** Decoded, this is 256 MB with an alpha channel; a small file can claim to hold any number of pixels. */
const maxPixels = 64_000_000;

/** Why bytes are no image that can be used; the message is a few words for a report. */
export class ImageProblem extends Error {
  override readonly name = 'ImageProblem';
}

/**
 * Decode a PNG, JPEG, WebP or GIF (its first frame) and bring it to a shape.
 *
 * Turned as its EXIF data say; colours as sRGB; what is transparent becomes white; resized with Lanczos' kernel. The same bytes give
 * the same pixels with the same version of the library on the same kind of processor.
 *
 * @returns uint8, row-major, `height` × `width` × `channels`
 * @throws ImageProblem when the bytes are empty, of another format, broken, or hold more than 64 million pixels
 */
export async function decodeImage(bytes: Uint8Array, shape: ImageShape): Promise<Uint8Array> {
  if (bytes.byteLength === 0) throw new ImageProblem('the file is empty');
  // The library reads more formats than are wanted, some of which (SVG) can refer to other files.
  if (!isKnownFormat(bytes)) throw new ImageProblem('not a PNG, JPEG, WebP or GIF file');
  const sharp = await imageLibrary();
  const { height, width, channels, fit = 'fill' } = shape;
  const pixels = await sharp(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
    limitInputPixels: maxPixels,
    failOn: 'error',
    sequentialRead: true,
  })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .resize({ height, width, fit, background: '#000000' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer()
    .catch((cause: unknown) => {
      throw problemOf(cause);
    });
  if (pixels.byteLength !== imageBytes(shape))
    throw new ImageProblem(`${pixels.byteLength} bytes after decoding, and ${imageBytes(shape)} were expected`);
  return pixels;
}

function isKnownFormat(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 12)).toString('latin1');
  return (
    head.startsWith('\x89PNG\r\n\x1a\n') ||
    head.startsWith('\xff\xd8\xff') ||
    head.startsWith('GIF8') ||
    (head.startsWith('RIFF') && head.slice(8) === 'WEBP')
  );
}

function problemOf(cause: unknown): ImageProblem {
  const reason = firstLine(cause);
  if (/exceeds pixel limit/i.test(reason)) return new ImageProblem('more than 64 million pixels');
  return new ImageProblem(`cannot be decoded: ${reason}`.slice(0, 200));
}

let loading: Promise<typeof sharpFactory> | undefined;

/** Native code, which only those load who have images. */
function imageLibrary(): Promise<typeof sharpFactory> {
  loading ??= import('sharp').then(({ default: sharp }) => {
    // Many images at a time use the cores better than many threads on one; nothing is read twice.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  });
  return loading;
}
