import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import type { Column } from '../tensors.js';
import type { LogEntry } from './log-entries.js';
import { firstLoggedOutput, type LoggedVersion } from './logged-version.js';

/** Lines are of so many bytes at most, give or take what numbers are longer as text; whoever reads them needs a multiple of that. */
const pieceBytes = 1 << 20;

/**
 * The `SegmentLine`s of an entry as JSON, each with its newline: one, or several of a large request. Written out column by column:
 * objects and copies of columns would cost several times as much.
 *
 * @param entryBytes how large the entry was
 */
export function* entryLines(entry: LogEntry, of: LoggedVersion, entryBytes: number): Generator<string> {
  const { rows } = entry.batch;
  const rowsAtOnce = Math.max(1, Math.floor((rows * pieceBytes) / Math.max(pieceBytes, entryBytes)));
  for (let from = 0; from < rows; from += rowsAtOnce) yield lineOf(entry, of, from, Math.min(rows, from + rowsAtOnce));
}

function lineOf({ marks, batch, outputs }: LogEntry, { manifest, hasPolicy = false }: LoggedVersion, from: number, until: number): string {
  const { values, classIndex, anomaly } = outputs;
  const { r, t, l, d, replaced, anomalous } = marks;
  const width = values.length / batch.rows;
  const marked = (rows: readonly number[]): boolean[] => {
    const flags = Array.from({ length: until - from }, () => false);
    for (const row of rows) if (row >= from && row < until) flags[row - from] = true;
    return flags;
  };
  let line = `{"r":"${r}","t":${t},"l":${l},"p":${from},"n":${until - from}`;
  if (classIndex) line += `,"c":[${classIndex.subarray(from, until).join(',')}]`;
  if (anomaly) line += `,"a":[${anomaly.subarray(from, until).join(',')}]`;
  if (hasPolicy && anomaly) line += `,"f":[${marked(anomalous ?? []).join(',')}]`;
  if (d !== undefined) {
    const isOther = replaced ? marked(replaced) : undefined;
    line += `,"d":${JSON.stringify(Array.from({ length: until - from }, (_, i) => (isOther && !isOther[i] ? null : d)))}`;
  }
  let column = 0;
  manifest.inputs.forEach((input, i) => {
    if (input.type !== 'uint8') line += `,"i${i}":[${listOf(batch.columns[column++], from, until)}]`;
  });
  for (let k = firstLoggedOutput(manifest); k < width; k++) {
    let list = '';
    for (let row = from; row < until; row++) list += row > from ? `,${values[row * width + k]}` : `${values[row * width + k]}`;
    line += `,"o${k}":[${list}]`;
  }
  return `${line}}\n`;
}

function listOf(column: Column, from: number, until: number): string {
  let list = '';
  for (let row = from; row < until; row++) {
    if (row > from) list += ',';
    list += jsonOf(column[row]);
  }
  return list;
}

function jsonOf(value: Column[number]): string {
  if (typeof value === 'string') return value === '' ? 'null' : JSON.stringify(value);
  const isMissing = typeof value === 'bigint' ? value === missingTimestamp : !Number.isFinite(value);
  return isMissing ? 'null' : value.toString();
}
