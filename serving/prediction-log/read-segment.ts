import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { entryLines } from './entry-lines.js';
import { type LogEntry, readEntries } from './log-entries.js';
import type { LoggedVersion, SegmentHeader } from './logged-version.js';

const newline = 0x0a;
/** Written at once. */
const chunkCharacters = 1 << 20;

/** @returns undefined where there is none: the process was killed before it had written it */
export async function headerOf(path: string): Promise<SegmentHeader | undefined> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    try {
      const header = JSON.parse(line) as Partial<SegmentHeader>;
      return header.formatVersion === 2 && header.manifest ? (header as SegmentHeader) : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** Requests of a segment; one that was cut off, the last of a process that was killed, is passed over. */
export async function segmentEntries(path: string): Promise<Iterable<LogEntry>> {
  const bytes = await readFile(path);
  return readEntries(bytes.subarray(bytes.indexOf(newline) + 1));
}

/** Write a segment as lines of JSON, for DuckDB to read. Blocks its thread for as long as that takes. */
export async function segmentToLines(segment: string, of: LoggedVersion, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    let text = '';
    for (const entry of await segmentEntries(segment)) {
      for (const line of entryLines(entry, of, sizeOf(entry))) text += line;
      if (text.length < chunkCharacters) continue;
      await file.appendFile(text);
      text = '';
    }
    await file.appendFile(text);
  } finally {
    await file.close();
  }
}

function sizeOf({ batch, outputs }: LogEntry): number {
  let bytes = outputs.values.byteLength;
  for (const column of batch.columns) {
    if (!Array.isArray(column)) bytes += column.byteLength;
    else for (const text of column) bytes += 4 + 2 * text.length;
  }
  return bytes;
}
