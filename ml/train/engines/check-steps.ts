/** @throws Error when the rows do not fill so many mini-batches */
export function checkSteps(rows: Int32Array, steps: number, batchSize: number): void {
  if (rows.length !== steps * batchSize) throw new Error(`${steps} steps need ${steps * batchSize} rows, ${rows.length} were given`);
}
