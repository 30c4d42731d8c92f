/** An image as an input of the exported graph: uint8, shape [N, height, width, channels], 0 = black. Never missing. */
export interface ImageInput {
  readonly name: string;
  readonly type: 'uint8';
  readonly columnType: 'image';
  readonly nullable: false;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Black and white in the numbers of the source, and of callers who do not send bytes. */
  readonly range: readonly [0, 255] | readonly [0, 1];
}

/** Height, width and channels, and so the bytes of an image. */
export type ImageShape = Pick<ImageInput, 'height' | 'width' | 'channels'>;

/** @returns bytes of one image, which is numbers of one image */
export function imageSize({ height, width, channels }: ImageShape): number {
  return height * width * channels;
}
