import { z } from 'zod';

const imageAugmentationSpec = z.strictObject({
  /** Mirrored along each axis named, half of the time. */
  flip: z.enum(['horizontal', 'vertical', 'both']).optional(),
  /** Moved by up to this fraction of width and height. */
  shift: z.number().gt(0).max(1).optional(),
  /** A part is cut out and resized to the whole image; its sides are at least 1 − crop of the image's. */
  crop: z.number().gt(0).lt(1).optional(),
  /** Turned by up to so many degrees either way. */
  rotate: z.number().gt(0).max(180).optional(),
  /** A rectangle with this fraction of width and height is set to zero. */
  cutOut: z.number().gt(0).lt(1).optional(),
});

/**
 * Random changes of the rows that a training step sees, drawn anew for each row of each step. Validation, test and serving never
 * see them.
 */
export const augmentationSpec = z.strictObject({
  /** Normal noise on numeric features, in standard deviations of each; not on missing indicators. */
  jitter: z.number().gt(0).max(10).optional(),
  /** Share of the values that become unknown: a number its mean, a category the bucket of the missing. */
  featureDropout: z.number().gt(0).max(0.9).optional(),
  /** Rows are mixed with others by a weight from Beta(mixup, mixup): numbers, images and targets. */
  mixup: z.number().gt(0).max(100).optional(),
  images: imageAugmentationSpec.optional(),
});

export type ImageAugmentationSpec = z.output<typeof imageAugmentationSpec>;
export type AugmentationSpec = z.output<typeof augmentationSpec>;
