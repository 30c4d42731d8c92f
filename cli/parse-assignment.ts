import { usageError } from './command-error.js';

/**
 * @param assignment `training.epochs=3`, `model.hidden=[64,32]`, `source.uri=flights.parquet`, `sweep=null` for none
 * @throws CommandError (usage) when it is not `path=value`
 */
export function parseAssignment(assignment: string): { path: string; value: unknown } {
  const at = assignment.indexOf('=');
  if (at < 1) {
    throw usageError(
      `"${assignment}" is not an assignment. Write --set path=value, for example --set training.epochs=3 or --set 'model.hidden=[64,32]'.`,
    );
  }
  const text = assignment.slice(at + 1);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  // Nothing of a definition is null; what is not wanted is left out.
  return { path: assignment.slice(0, at).trim(), value: value ?? undefined };
}
