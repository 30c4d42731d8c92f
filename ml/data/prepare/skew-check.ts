import { closeSync, openSync, readSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FittedTransform, RawInput } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { GraphBuilder } from '../../graph/onnx-builder.js';
import type { EncodedSplitFiles } from './encode-split.js';
import { missingTimestamp } from '../read/missing-timestamp.js';
import { lowerTransform } from '../transform/transform-kinds.js';

/** Two implementations of a sine need not end in the same bit. */
const tolerance = 1e-6;

/**
 * Hold encoded data against the graph that will serve: the sample of the rows goes raw through onnxruntime and must come out
 * as what lies in the files: indices exactly, numbers within 1e-6, relative to the larger of the value and 1.
 *
 * @param files with a sample, unless there is no input
 * @param differing float columns that differ by design (see `trainingEncoding`)
 * @throws AnnealError `InvalidModel` naming row, feature and both values
 */
export async function assertNoSkew(
  transform: FittedTransform,
  files: EncodedSplitFiles,
  differing: ReadonlySet<string> = new Set(),
): Promise<void> {
  // Of an image nothing is fitted, and its bytes are what lies in the file.
  if (transform.inputs.length === 0) return;
  if (!files.sample || files.sample.rows.length === 0) throw new Error('The encoded rows came without a sample of the raw ones.');
  const { positions, rows } = files.sample;
  const { categorical, numeric } = await encodeByGraph(transform, rows);
  const { layout } = transform;
  const compare = (path: string | undefined, Row: RowConstructor, columns: readonly (string | undefined)[], served?: ArrayLike<number>) => {
    if (path !== undefined && served !== undefined) compareRows(path, Row, columns, positions, served);
  };
  compare(
    files.categorical,
    Int32Array,
    layout.categorical.map((column) => column.name),
    categorical,
  );
  compare(
    files.numeric,
    Float32Array,
    layout.numeric.map((name) => (differing.has(name) ? undefined : name)),
    numeric,
  );
}

async function encodeByGraph(
  transform: FittedTransform,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<{ categorical?: ArrayLike<number>; numeric?: ArrayLike<number> }> {
  const builder = new GraphBuilder('transform');
  const { categorical, numeric } = lowerTransform(builder, transform);
  if (categorical) builder.output(categorical, 'int32', ['N', transform.layout.categorical.length]);
  if (numeric) builder.output(numeric, 'float32', ['N', transform.layout.numeric.length]);
  const session = await InferenceSession.create(builder.encode(), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  try {
    const feeds = Object.fromEntries(transform.inputs.map((input) => [input.name, rawTensor(input, rows)]));
    const outputs = await session.run(feeds);
    const read = (name: string | undefined) => (name === undefined ? undefined : (outputs[name].data as Int32Array | Float32Array));
    return { categorical: read(categorical), numeric: read(numeric) };
  } finally {
    await session.release();
  }
}

type RowConstructor = Int32ArrayConstructor | Float32ArrayConstructor;

function isEqual(a: number, b: number, Row: RowConstructor): boolean {
  return a === b || (Row === Float32Array && Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b)));
}

/** @returns a tensor of shape [rows, 1] */
function rawTensor(input: RawInput, rows: readonly Readonly<Record<string, unknown>>[]): Tensor {
  const values = rows.map((row) => row[input.name]);
  const dims = [rows.length, 1];
  switch (input.type) {
    case 'string':
      return new Tensor(
        'string',
        values.map((value) => (value ?? '') as string),
        dims,
      );
    case 'int64':
      return new Tensor(
        'int64',
        BigInt64Array.from(values, (value) => (value ?? missingTimestamp) as bigint),
        dims,
      );
    case 'float64':
      return new Tensor(
        'float64',
        Float64Array.from(values, (value) => (value ?? Number.NaN) as number),
        dims,
      );
  }
}

/** Reads synchronously: a few thousand rows from the page cache take milliseconds, a trip to the thread pool each would not. */
function compareRows(
  path: string,
  Row: RowConstructor,
  columns: readonly (string | undefined)[],
  positions: readonly number[],
  computed: ArrayLike<number>,
): void {
  const width = columns.length;
  const row = new Row(width);
  const bytes = new Uint8Array(row.buffer);
  const file = openSync(path, 'r');
  try {
    for (const [i, position] of positions.entries()) {
      readSync(file, bytes, 0, bytes.length, position * bytes.length);
      for (let column = 0; column < width; column += 1) {
        const served = computed[i * width + column];
        if (columns[column] === undefined || isEqual(served, row[column], Row)) continue;
        throw new AnnealError(
          failureTypes.invalidModel,
          `Training and serving would see different data: in row ${position} of the encoded rows the feature "${columns[column]}" is ${row[column]} as encoded for training and ${served} by the graph that serves. This is a fault of Anneal, not of the data; please report it with the feature's definition, and leave that feature out until it is mended.`,
          { row: position, feature: columns[column], training: row[column], serving: served },
        );
      }
    }
  } finally {
    closeSync(file);
  }
}
