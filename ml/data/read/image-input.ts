import type { FittedTransform } from '../../../contracts/dataset.js';
import type { ImageInput, ImageShape } from '../../../contracts/image-input.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';

/** The image that a pipeline's features read, if one does. Pure. */
export function imageInputOf({ columns, features }: Pick<PipelineSpec, 'columns' | 'features'>): ImageInput | undefined {
  const feature = Object.values(features).find(({ kind }) => kind === 'image');
  const column = feature && columns[feature.column];
  if (!feature || column?.type !== 'image') return undefined;
  const { height, width, channels, range } = column;
  return { name: feature.column, type: 'uint8', columnType: 'image', nullable: false, height, width, channels, range };
}

/** A transform of the other features, with the image as one more input. Nothing of an image is fitted. */
export function withImage(transform: FittedTransform, spec: Pick<PipelineSpec, 'columns' | 'features'>): FittedTransform {
  const image = imageInputOf(spec);
  if (!image) return transform;
  const [name] = Object.entries(spec.features).find(([, { kind }]) => kind === 'image')!;
  const { height, width, channels } = image;
  return { ...transform, image, layout: { ...transform.layout, image: { name, height, width, channels } } };
}

/** Rows of an image that a run of the exported graph takes at once: about 128 MiB of what the first 32 filters make of them. */
export function imageRowsAtOnce({ height, width }: Pick<ImageShape, 'height' | 'width'>): number {
  return Math.min(2048, Math.max(1, Math.floor(2 ** 20 / (height * width))));
}
