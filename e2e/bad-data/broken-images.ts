import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { type BadCase, fails, type Outcome, stops } from './bad-case.js';
import { input } from './inputs.js';
import { tablePipeline } from './tables.js';

const images = { format: 'images', uri: 'images', height: 8, width: 8, channels: 1, fit: 'fill' } as const;

function imagePipeline(source: PipelineSpec['source']): PipelineSpec {
  return tablePipeline(source, {
    columns: { image: { type: 'image', height: 8, width: 8 }, label: { type: 'string' } },
    target: { task: 'multiclass', name: 'kind', expression: 'label' },
    features: { image: { kind: 'image', column: 'image' } },
    model: { family: 'cnn', filters: [4], hidden: [] },
  });
}

/** A folder of sound images of two classes, and one that is not. */
function file(name: string, bytes: Uint8Array, problem: string, ending = 'png'): BadCase {
  return {
    name,
    given: (fixture) => {
      for (let i = 0; i < 10; i++) for (const label of ['a', 'b']) fixture.write(`images/${label}/${i}.png`, input('image.png'));
      fixture.write(`images/a/broken.${ending}`, bytes);
      return { spec: imagePipeline(images) };
    },
    comes: stops('null', /column "image".*in 1 of 21 rows, first in row 11/),
    notes: new RegExp(`^1 image cannot be used: a/broken\\.${ending} \\(${problem}`),
  };
}

function column(name: string, image: string, comes: Outcome): BadCase {
  return {
    name,
    given: async (fixture) => ({
      spec: imagePipeline({
        format: 'parquet',
        uri: await fixture.parquet(
          'images.parquet',
          `SELECT ${image} AS image, ['a', 'b'][(i % 2)::INTEGER + 1] AS label FROM range(40) t(i)`,
        ),
      }),
    }),
    comes,
  };
}
const flat = (value: string): string => `list_transform(range(64), lambda x: ${value})`;

export const brokenImages: readonly BadCase[] = [
  file('an image of zero bytes', new Uint8Array(0), 'the file is empty'),
  file('an image cut short', input('image.png').subarray(0, 60), 'cannot be decoded'),
  file('an image with a flipped byte', input('flipped.png'), 'cannot be decoded'),
  file('an image of a billion pixels', input('bomb.png'), 'more than 64 million pixels'),
  file('text called .png', Buffer.from('no image'), 'not a PNG, JPEG, WebP or GIF file'),
  file(
    'SVG that reads a file',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
    'not a PNG, JPEG, WebP or GIF file',
    'jpg',
  ),
  {
    name: 'a folder of images without images',
    given: (fixture) => {
      mkdirSync(join(fixture.root, 'images/a'), { recursive: true });
      return { source: images };
    },
    comes: fails('SourceUnavailable', /"images".*no file of the format images/),
  },
  column(
    'an image column of another length',
    flat('7').replace('64', '63'),
    stops('type', /column "image".*8 × 8 × 1 = 64 numbers.*63 numbers/),
  ),
  column('an image column of bytes of another length', `'abc'::BLOB`, stops('type', /column "image".*64 bytes.*"3 bytes"/)),
  column('an image column of numbers beyond the range', flat('x * 5'), stops('range', /column "image".*0 to 255/)),
  column('an image column of text', `'a picture'`, stops('type', /column "image".*VARCHAR/)),
  column('an image column with missing images', `CASE WHEN i % 2 = 0 THEN ${flat('7')} END`, stops('null', /column "image"/)),
];
