import { Readable } from 'node:stream';
import { parseInstances } from './instances.js';
import type { RowSource } from './row-source.js';

/** Rows that are given as an argument. @throws CommandError (usage) */
export function argumentRows(text: string): RowSource {
  return { name: 'the rows', rows: Readable.from(parseInstances(text)) };
}
