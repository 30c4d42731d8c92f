import { imageSize } from '../../../contracts/image-input.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { Task } from '../../../contracts/pipeline.js';
import type { Network } from '../../models/network.js';
import type { EncodedData } from '../engine.js';

/**
 * Check that the data have the shape of the layout, and every index its feature's range: an index outside would stop a compiled
 * run in its middle, or read another row.
 *
 * @throws AnnealError `InvalidData`
 */
export function checkData(task: Task, { layout, outputs }: Pick<Network, 'layout' | 'outputs'>, data: EncodedData): void {
  expectLength('target', data.target.length, data.rows);
  if (layout.numeric.length > 0) expectLength('numeric', data.numeric?.length ?? 0, data.rows * layout.numeric.length);
  if (layout.image) expectLength('image', data.image?.length ?? 0, data.rows * imageSize(layout.image));
  const columns = layout.categorical.length;
  if (columns > 0) {
    const indices = data.categorical ?? new Int32Array(0);
    expectLength('categorical', indices.length, data.rows * columns);
    layout.categorical.forEach(({ name, size }, column) => {
      for (let i = column; i < indices.length; i += columns) {
        if (indices[i] < 0 || indices[i] >= size)
          throw outOfRange(`the index of feature "${name}"`, (i - column) / columns, indices[i], size);
      }
    });
  }
  if (task === 'regression') return;
  const classes = { binary: 2, multiclass: outputs, multilabel: 2 ** outputs }[task];
  data.target.forEach((value, row) => {
    if (!Number.isInteger(value) || value < 0 || value >= classes) throw outOfRange('the class', row, value, classes);
  });
}

function expectLength(name: string, length: number, expected: number): void {
  if (length === expected) return;
  throw new AnnealError(
    failureTypes.invalidData,
    `The encoded ${name} matrix has ${length} elements, expected ${expected}. The prepared data set does not match its layout; prepare it again.`,
  );
}

function outOfRange(what: string, row: number, value: number, size: number): AnnealError {
  return new AnnealError(
    failureTypes.invalidData,
    `In row ${row} of the encoded data ${what} is ${value}, expected a whole number from 0 to ${size - 1}. The prepared data set does not match its layout; prepare it again.`,
  );
}
