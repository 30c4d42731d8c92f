import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { usageError } from '../command-error.js';
import { type Instance, isRow } from './instances.js';

/**
 * The rows of JSON lines, as they come; empty lines are passed over.
 *
 * @param name for messages
 * @throws CommandError (usage) that names the line that holds no JSON object
 */
export async function* jsonLines(input: Readable, name: string): AsyncGenerator<Instance> {
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
    if (text.trim() !== '') yield parseLine(text, number, name);
  }
}

function parseLine(line: string, number: number, name: string): Instance {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw usageError(
      `Line ${number} of ${name} is not valid JSON (${(error as Error).message}). Each line must be a JSON object by column name.`,
    );
  }
  if (isRow(row)) return row;
  throw usageError(`Line ${number} of ${name} is JSON, and no object. Each line must be a JSON object by column name.`);
}
