import { Readable } from 'node:stream';
import { parseInstances } from './instances.js';
import type { RowSource } from './row-source.js';

/** Name of rows that come from no file. */
export const givenRows = 'the rows';

/** Rows that are given as an argument. @throws CommandError (usage) */
export function argumentRows(text: string): RowSource {
  return { name: givenRows, rows: Readable.from(parseInstances(text)) };
}
