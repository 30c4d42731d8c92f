import { z } from 'zod';
import { columnName, imageChannels, imageSide } from './scalars.js';
import type { PipelineSpec } from './schema.js';
import { isImages } from './source.js';

/** Numbers, and so bytes, of one image. */
const maxImageSize = 4096 * 4096;
const notOfImages = z.never('a column of images cannot have it').optional();

/**
 * Images of one size: a BLOB of height · width · channels bytes, row by row, the channels of a pixel side by side; or as many
 * numbers, in a flat or a nested list.
 */
export const imageColumn = z.strictObject({
  type: z.literal('image'),
  height: imageSide,
  width: imageSide,
  /** 1 = grey, 3 = red, green, blue. */
  channels: imageChannels.default(1),
  /** Black and white of an image that is a list of numbers; they are rounded to 256 steps. A BLOB's bytes are 0 to 255. */
  range: z.union([z.tuple([z.literal(0), z.literal(255)]), z.tuple([z.literal(0), z.literal(1)])]).default([0, 255]),
  /** A row without its image is of no use. */
  nullable: z.literal(false).default(false),
  /** What happens to a row without an image of that size. `warn` takes it out as well: the model could not read it. */
  onViolation: z.enum(['quarantine', 'fail', 'warn']).default('quarantine'),
  min: notOfImages,
  max: notOfImages,
  allowed: notOfImages,
  maxMissing: notOfImages,
  unique: notOfImages,
  drift: notOfImages,
});

export const imageFeature = z.strictObject({ kind: z.literal('image'), column: columnName });

export type ImageColumn = z.output<typeof imageColumn>;
export type ImageFeature = z.output<typeof imageFeature>;

/** What of images does not go together; a sentence for each. */
export function imageProblems({ source, columns, features, model }: PipelineSpec): string[] {
  const problems: string[] = [];
  for (const [name, column] of Object.entries(columns)) {
    if (column.type === 'image' && column.height * column.width * column.channels > maxImageSize)
      problems.push(`columns.${name}: an image may have at most ${maxImageSize} numbers (height · width · channels)`);
  }
  const { image } = columns;
  if (isImages(source) && image?.type === 'image' && shapeOf(source) !== shapeOf(image))
    problems.push(
      `columns.image: it is said to be ${shapeOf(image)}, and the source makes it ${shapeOf(source)} (height × width × channels)`,
    );
  const images = Object.entries(features).filter(([, feature]) => feature.kind === 'image');
  if (images.length > 1)
    problems.push(`features: ${images.map(([name]) => name).join(', ')} are images, and a model reads one image a row; leave one`);
  if (images.length > 0 && model.family !== 'cnn' && model.family !== 'module')
    problems.push(`model.family: ${model.family} cannot read the image feature "${images[0][0]}"; choose cnn, or a module of your own`);
  if (model.family !== 'cnn') return problems;
  if (images.length === 0) problems.push('model.family: cnn needs a feature of kind image');
  const column = images.length > 0 ? columns[images[0][1].column] : undefined;
  if (column?.type !== 'image' || model.pool === 'none') return problems;
  const halvings = Math.floor(Math.log2(Math.min(column.height, column.width)));
  if (model.filters.length > halvings)
    problems.push(
      `model.filters: ${model.filters.length} layers halve an image of ${column.height} × ${column.width} to nothing; at most ${halvings} can, or set pool to "none"`,
    );
  return problems;
}

function shapeOf({ height, width, channels }: { readonly height: number; readonly width: number; readonly channels: number }): string {
  return `${height} × ${width} × ${channels}`;
}
