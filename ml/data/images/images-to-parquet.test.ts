import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { failureTypes } from '../../../contracts/failures.js';
import { withDataSession } from '../duckdb-session.js';
import { textLiteral } from '../sql-quoting.js';
import { decodeImage } from './decode-image.js';
import type { ImageShape } from './image-shape.js';
import { type ImageFile, imagesToParquet } from './images-to-parquet.js';

const grey: ImageShape = { height: 2, width: 3, channels: 1 };
const colour: ImageShape = { height: 2, width: 3, channels: 3 };
const red = [255, 0, 0];
const green = [0, 255, 0];
const blue = [0, 0, 255];
const white = [255, 255, 255];
const black = [0, 0, 0];

type Pixel = readonly number[];

/** An image of given rows of pixels. */
function raw(rows: readonly (readonly Pixel[])[]): Sharp {
  const channels = rows[0][0].length as 1 | 3 | 4;
  return sharp(Buffer.from(rows.flat(2)), { raw: { height: rows.length, width: rows[0].length, channels } });
}

function plain(colourOf: Pixel, width = 3, height = 2): Sharp {
  return raw(Array.from({ length: height }, () => Array.from({ length: width }, () => colourOf)));
}

const flag = [
  [red, green, blue],
  [white, black, red],
];

describe('decodeImage', () => {
  test('gives the pixels of a PNG row by row', async () => {
    expect([...(await decodeImage(await raw(flag).png().toBuffer(), colour))]).toEqual(flag.flat(2));
  });

  test.each(['png', 'webp', 'gif'] as const)('reads %s, also with a palette or a frame', async (format) => {
    const bytes = await plain(blue).toFormat(format, { lossless: true, palette: true }).toBuffer();
    expect([...(await decodeImage(bytes, colour))]).toEqual(Array.from({ length: 6 }, () => blue).flat());
  });

  test('reads a JPEG', async () => {
    const [r, g, b] = await decodeImage(await plain(red, 16, 16).jpeg({ quality: 100 }).toBuffer(), colour);
    expect([r > 250, g < 5, b < 5]).toEqual([true, true, true]);
  });

  test.each([
    ['grey PNG as colour', [[128]], colour, [128, 128, 128]],
    ['colour PNG as grey', [[128, 128, 128]], grey, [128]],
    ['transparent PNG on white', [[255, 0, 0, 0]], colour, white],
    ['half transparent PNG on white', [[0, 0, 0, 128]], colour, [127, 127, 127]],
  ] as const)('takes a %s', async (_what, pixels, shape, expected) => {
    const bytes = await plain(pixels[0]).png().toBuffer();
    expect([...(await decodeImage(bytes, shape))]).toEqual(Array.from({ length: 6 }, () => expected).flat());
  });

  test('scales a PNG of 16 bits down to 8', async () => {
    const bytes = await plain([51]).toColourspace('grey16').png().toBuffer();
    expect((await sharp(bytes).metadata()).depth).toBe('ushort');
    expect([...(await decodeImage(bytes, grey))]).toEqual([51, 51, 51, 51, 51, 51]);
  });

  test('turns an image as its EXIF data say', async () => {
    const upright = [[red, green]];
    const bytes = await raw(upright).withMetadata({ orientation: 6 }).png().toBuffer();
    expect([...(await decodeImage(bytes, { height: 2, width: 1, channels: 3 }))]).toEqual([red, green].flat());
  });

  test('stretches, adds bars or cuts, as it is told', async () => {
    const bytes = await raw([[red, red, blue, blue].map((pixel) => pixel)])
      .resize(8, 2, { kernel: 'nearest' })
      .png()
      .toBuffer();
    const square = { height: 4, width: 4, channels: 3 } as const;
    const corners = async (fit: 'fill' | 'contain' | 'cover') => {
      const pixels = await decodeImage(bytes, { ...square, fit });
      return [0, 15].map((pixel) => [...pixels.subarray(pixel * 3, pixel * 3 + 3)]);
    };
    expect(await corners('contain')).toEqual([black, black]);
    expect(await corners('fill')).toEqual([red, blue]);
    expect(await corners('cover')).toEqual([red, blue]);
  });

  test('gives exactly the bytes of the shape, whatever the size of the image', async () => {
    const size = fc.integer({ min: 1, max: 40 });
    const shape = fc.record({
      height: size,
      width: size,
      channels: fc.constantFrom(1 as const, 3 as const),
      fit: fc.constantFrom('fill' as const, 'contain' as const, 'cover' as const),
    });
    await fc.assert(
      fc.asyncProperty(size, size, shape, fc.constantFrom('png' as const, 'jpeg' as const), async (height, width, target, format) => {
        const bytes = await plain([10, 20, 30], width, height).toFormat(format).toBuffer();
        const pixels = await decodeImage(bytes, target);
        expect(pixels.byteLength).toBe(target.height * target.width * target.channels);
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ['nothing', Buffer.alloc(0), /the file is empty/],
    ['text', Buffer.from('hello, this is no image'), /not a PNG, JPEG, WebP or GIF/],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /not a PNG, JPEG, WebP or GIF/],
    ['the signature of a PNG alone', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /cannot be decoded/],
    [
      'the signature of a JPEG with noise',
      Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), createHash('sha512').update('x').digest()]),
      /cannot be decoded/,
    ],
  ])('refuses %s', async (_what, bytes, message) => {
    await expect(decodeImage(bytes, grey)).rejects.toThrow(message);
  });

  test.each(['png', 'jpeg', 'webp'] as const)('refuses a %s that is cut short', async (format) => {
    const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251));
    const bytes = await sharp(noise, { raw: { height: 64, width: 64, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    await expect(decodeImage(bytes.subarray(0, bytes.length / 2), colour)).rejects.toThrow(/cannot be decoded/);
  });

  test('refuses a small file that would become gigabytes', async () => {
    const bomb = Buffer.from(await plain(black).png().toBuffer());
    // Width and height in the header, then its checksum.
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    await expect(decodeImage(bomb, grey)).rejects.toThrow('more than 64 million pixels');
  });
});

describe('imagesToParquet', () => {
  let folder: string;
  let out: string;

  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'anneal-images-')), 'images');
    await mkdir(folder);
    out = join(dirname(folder), 'out.parquet');
  });

  afterEach(() => rm(dirname(folder), { recursive: true, force: true }));

  async function put(path: string, bytes: Uint8Array | string): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }

  async function listed(): Promise<ImageFile[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    return files.sort().map((path) => ({ path, label: path.split('/')[0], file: join(folder, path) }));
  }

  const png = (pixel: Pixel) => plain(pixel).png().toBuffer();

  function rows(): Promise<Record<string, unknown>[]> {
    const path = textLiteral(out);
    return withDataSession({ scratchRoot: dirname(folder) }, (session) =>
      session.rows(`SELECT path, label, hex(image) AS image, problem FROM read_parquet(${path})`),
    );
  }

  test('writes a row for each image: path, label, pixels', async () => {
    await put('dog/b.PNG', await png(red));
    await put('cat/a.png', await png(green));
    await put('cat/more/c.png', await png(blue));
    expect(await imagesToParquet(await listed(), colour, out)).toEqual({ rows: 3, problems: 0 });
    const hex = (pixel: Pixel) => Buffer.from(pixel).toString('hex').toUpperCase().repeat(6);
    expect(await rows()).toEqual([
      { path: 'cat/a.png', label: 'cat', image: hex(green), problem: null },
      { path: 'cat/more/c.png', label: 'cat', image: hex(blue), problem: null },
      { path: 'dog/b.PNG', label: 'dog', image: hex(red), problem: null },
    ]);
  });

  test('gives what cannot be decoded a row with its problem, and goes on', async () => {
    await put('a/1.png', '');
    await put('a/2.jpg', 'not an image');
    await put('a/3.bmp', 'BM......');
    await put('a/4.png', await png(red));
    await put('a/5.png', '');
    await truncate(join(folder, 'a/5.png'), 65 * 2 ** 20);
    const progress: unknown[] = [];
    expect(await imagesToParquet(await listed(), grey, out, { onProgress: (at) => progress.push(at) })).toEqual({
      rows: 5,
      problems: 4,
    });
    expect((await rows()).map(({ image, problem }) => [image !== null, problem])).toEqual([
      [false, 'the file is empty'],
      [false, 'not a PNG, JPEG, WebP or GIF file'],
      [false, 'not a PNG, JPEG, WebP or GIF file'],
      [true, null],
      [false, 'larger than 64 MiB'],
    ]);
    expect(progress).toEqual([{ images: 5, problems: 4 }]);
  });

  test('writes equal bytes for equal images, whatever finishes first', async () => {
    for (let i = 0; i < 40; i += 1)
      await put(
        `class-${i % 3}/${i}.png`,
        await plain([i, 2 * i, 3 * i], 1 + (i % 5) * 100, 50)
          .png()
          .toBuffer(),
      );
    const digests = new Set<string>();
    for (let i = 0; i < 3; i += 1) {
      await imagesToParquet(await listed(), colour, out);
      digests.add(
        createHash('sha256')
          .update(await readFile(out))
          .digest('hex'),
      );
    }
    expect(digests.size).toBe(1);
    expect((await rows()).map(({ path }) => path)).toEqual((await listed()).map(({ path }) => path));
  });

  test('fails when an image disappears, and leaves no folder behind', async () => {
    await put('a/1.png', await png(red));
    const files = await listed();
    await rm(join(folder, 'a/1.png'));
    await expect(imagesToParquet(files, grey, out)).rejects.toMatchObject({
      type: failureTypes.sourceUnavailable,
      message: expect.stringContaining('a/1.png') as unknown,
    });
    expect(await readdir(dirname(folder))).toEqual(['images']);
  });

  test('ends with the reason of an abort', async () => {
    const large = await plain(red).resize(2000, 2000).png().toBuffer();
    for (let i = 0; i < 30; i += 1) await put(`a/${i}.png`, large);
    const stop = new AbortController();
    const work = imagesToParquet(await listed(), { height: 300, width: 300, channels: 3 }, out, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 60);
    await expect(work).rejects.toThrow('enough');
  });
});

/** Of PNG chunks (ISO 3309). */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
