/**
 * The labels of a multilabel target: label k is bit k of a row's number.
 *
 * @param target shape [N]
 * @returns 0 or 1, shape [N]
 */
export function labelBit(target: Float32Array, label: number): Float32Array {
  return target.map((bits) => (bits >>> label) & 1);
}

/** Column k of a row-major matrix. @returns shape [N] */
export function columnOf(matrix: Float32Array, width: number, column: number): Float32Array {
  return Float32Array.from({ length: matrix.length / width }, (_, row) => matrix[row * width + column]);
}
