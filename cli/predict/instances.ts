import { usageError } from '../command-error.js';

/** A row by column name, as the host takes it. */
export type Instance = Readonly<Record<string, unknown>>;

export function isRow(row: unknown): row is Instance {
  return typeof row === 'object' && row !== null && !Array.isArray(row);
}

/**
 * @param text one row as a JSON object, several as an array, or a whole request `{"instances": […]}`
 * @throws CommandError (usage)
 */
export function parseInstances(text: string): readonly Instance[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageError(
      `The rows are not valid JSON (${(error as Error).message}). Give an object by column name in single quotes, for example '{"origin":"SFO"}', an array of such objects, or - to read them from standard input.`,
    );
  }
  const rows = isRow(value) ? (Array.isArray(value.instances) ? (value.instances as unknown[]) : [value]) : value;
  if (!Array.isArray(rows) || rows.length === 0 || !rows.every(isRow)) {
    throw usageError(
      'The rows must be one JSON object by column name, an array of such objects, or {"instances": [...]}, with at least one row.',
    );
  }
  return rows;
}
