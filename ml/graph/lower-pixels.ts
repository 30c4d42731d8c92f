import type { ImageShape } from '../../contracts/image-input.js';
import { elementTypes, type GraphBuilder } from './onnx-builder.js';

/** What a byte is divided by before a network reads it. */
export const pixelScale = 255;

/**
 * Write the way from bytes to what a network reads: divided by 255 in float32, which has the same bits wherever it is done.
 *
 * @param bytes name of a uint8 value of rows · height · width · channels elements
 * @param rows how many they are; −1: any number
 * @returns name of a float32 value [rows, height, width, channels]
 */
export function lowerPixels(builder: GraphBuilder, bytes: string, rows: number, { height, width, channels }: ImageShape): string {
  const numbers = builder.node('Cast', [bytes], { to: elementTypes.float32 });
  const scaled = builder.node('Div', [numbers, builder.scalar('float32', pixelScale)]);
  return builder.node('Reshape', [scaled, builder.constant('int64', [rows, height, width, channels])]);
}
