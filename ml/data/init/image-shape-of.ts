import { readFile } from 'node:fs/promises';
import type { ImageShape } from '../images/image-shape.js';
import { unavailable } from '../ingest/source-file.js';
import type { LocalSample } from './survey-places.js';

/** Longer sides are scaled down: a network on CPU learns from these in minutes. */
const longestSide = 64;
const shortestSide = 8;
/** Proportions so near to a square are made one. */
const nearlySquare = 1.25;

/**
 * A size that all images can be brought to, after a look at some of them: their own where they share one and it is small, else that
 * of the middle one, scaled down; grey when all are.
 *
 * @throws AnnealError `SourceUnavailable` when none of them can be read
 */
export async function imageShapeOf(
  samples: readonly LocalSample[],
): Promise<Required<Pick<ImageShape, 'height' | 'width' | 'channels'>> & { readonly remark: string }> {
  const { default: sharp } = await import('sharp');
  const known: { readonly height: number; readonly width: number; readonly isGrey: boolean }[] = [];
  for (const { path } of samples) {
    const found = await sharp(await readFile(path))
      .metadata()
      .catch(() => undefined);
    if (!found) continue;
    const isTurned = (found.orientation ?? 1) >= 5;
    const [height, width] = isTurned ? [found.width, found.height] : [found.height, found.width];
    known.push({ height, width, isGrey: found.channels <= 2 });
  }
  if (known.length === 0)
    throw unavailable(
      samples[0].uri,
      'it is no image that can be read, nor are the others that were looked at',
      'Give a folder of PNG, JPEG, WebP or GIF files.',
    );
  const height = middle(known.map((image) => image.height));
  const width = middle(known.map((image) => image.width));
  const isOfOneSize = known.every((image) => image.height === height && image.width === width);
  const channels = known.every(({ isGrey }) => isGrey) ? 1 : 3;
  const shape = Math.max(height, width) <= longestSide && isOfOneSize ? { height, width } : scaled(height, width);
  const remark = `The images ${isOfOneSize ? 'are' : 'are of different sizes, the middle one'} ${width} × ${height}, ${channels === 1 ? 'grey' : 'coloured'}${
    shape.height === height && shape.width === width ? '' : `; they are brought to ${shape.width} × ${shape.height}`
  }.`;
  return { ...shape, channels, remark };
}

function scaled(height: number, width: number): { readonly height: number; readonly width: number } {
  const longest = Math.max(height, width);
  const side = Math.min(longestSide, longest);
  if (longest / Math.min(height, width) <= nearlySquare) return { height: side, width: side };
  const of = (length: number): number => Math.max(shortestSide, Math.round((length / longest) * side));
  return { height: of(height), width: of(width) };
}

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
