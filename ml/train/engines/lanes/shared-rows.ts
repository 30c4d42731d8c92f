import type { FeatureLayout } from '../../../../contracts/dataset.js';
import { imageSize } from '../../../../contracts/image-input.js';
import type { EncodedData } from '../../engine.js';
import { isPacked, packedWidth, packRows } from '../packed-rows.js';
import type { MatrixShape, Numbers } from './lane-gradient.js';

/** What a step reads of rows, in the order of `declareRows`. */
export function matrixShapes(layout: FeatureLayout): readonly MatrixShape[] {
  const { categorical, numeric, image } = layout;
  if (isPacked(layout)) return [{ name: 'packed', type: 'float32', width: packedWidth(layout) }];
  return [
    ...(categorical.length > 0 ? [{ name: 'categorical', type: 'int32', width: categorical.length } as const] : []),
    ...(numeric.length > 0 ? [{ name: 'numeric', type: 'float32', width: numeric.length } as const] : []),
    ...(image ? [{ name: 'image', type: 'uint8', width: imageSize(image) } as const] : []),
    { name: 'target', type: 'float32' },
  ];
}

/**
 * Training rows where several threads can read them. The memory is used again for the next rows: that of what a thread has let go of
 * comes back only when that thread collects its garbage.
 */
export class SharedRows {
  private readonly buffers = new Map<string, SharedArrayBuffer>();

  /**
   * @param data may lie in shared memory already; then they are not copied
   * @returns the matrices of `matrixShapes`; the next call overwrites them
   */
  take(layout: FeatureLayout, data: EncodedData): readonly Numbers[] {
    if (isPacked(layout)) return [packRows(layout, data, this.floats('packed', data.rows * packedWidth(layout)))];
    return matrixShapes(layout).map(({ name }) => this.share(name, data[name as keyof Omit<EncodedData, 'rows'>]!));
  }

  private share(name: string, array: Numbers): Numbers {
    if (array.buffer instanceof SharedArrayBuffer) return array;
    const buffer = this.buffer(name, array.byteLength);
    const copy =
      array instanceof Float32Array
        ? new Float32Array(buffer, 0, array.length)
        : array instanceof Int32Array
          ? new Int32Array(buffer, 0, array.length)
          : new Uint8Array(buffer, 0, array.length);
    copy.set(array);
    return copy;
  }

  private floats(name: string, length: number): Float32Array {
    return new Float32Array(this.buffer(name, length * Float32Array.BYTES_PER_ELEMENT), 0, length);
  }

  private buffer(name: string, bytes: number): SharedArrayBuffer {
    const known = this.buffers.get(name);
    if (known && known.byteLength >= bytes) return known;
    const made = new SharedArrayBuffer(bytes);
    this.buffers.set(name, made);
    return made;
  }
}
