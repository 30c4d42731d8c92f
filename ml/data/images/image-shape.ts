/** What every image of a data set becomes: row-major pixels, `height` × `width` × `channels` of uint8. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  /** 1: grey, 3: red, green, blue. */
  readonly channels: 1 | 3;
  /**
   * How an image of other proportions gets these: stretched (`fill`), whole with black bars (`contain`), or cut around its
   * centre (`cover`).
   * @default 'fill'
   */
  readonly fit?: 'fill' | 'contain' | 'cover';
}

/** Bytes of one image. */
export function imageBytes({ height, width, channels }: ImageShape): number {
  return height * width * channels;
}
