import type { NumberSql } from './transform-kind.js';

/**
 * The numbers of a row that was queried by `EncodedColumns.numeric`.
 *
 * @param values of the expressions, in their order, as `DataSession.rows` gives them
 */
export function encodedNumbers(columns: readonly NumberSql[], values: readonly unknown[]): number[] {
  return columns.flatMap(({ width }, i) => {
    if (width === 1) return [values[i] as number];
    const bytes = Uint8Array.from(values[i] as Uint8Array);
    return Array.from(new Float32Array(bytes.buffer));
  });
}
