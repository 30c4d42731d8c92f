import { AnnealError, failureTypes } from '../../contracts/failures.js';

/**
 * Every name and value that comes from outside enters SQL through these functions and no other way.
 * Inside its quotes DuckDB gives a meaning to the quote alone, so doubling it is all that is needed.
 */

/** A column or table name. @throws AnnealError `InvalidPipeline` for a name with a NUL character */
export function identifier(name: string): string {
  return `"${withoutNul(name).replaceAll('"', '""')}"`;
}

/** A text value, also a path. @throws AnnealError `InvalidPipeline` for a text with a NUL character */
export function textLiteral(value: string): string {
  return `'${withoutNul(value).replaceAll("'", "''")}'`;
}

/** A path to read from, where DuckDB would take `*`, `?` and `[` for a pattern; a path to write to is a `textLiteral`. */
export function pathLiteral(path: string): string {
  return textLiteral(path.replaceAll(/[*?[]/g, (character) => `[${character}]`));
}

/** A float64 with all its digits, infinities and NaN included. */
export function numberLiteral(value: number): string {
  return `CAST('${value}' AS DOUBLE)`;
}

function withoutNul(text: string): string {
  if (!text.includes('\0')) return text;
  throw new AnnealError(
    failureTypes.invalidPipeline,
    `The text ${JSON.stringify(text.slice(0, 80))} holds a NUL character, which cannot be part of a column name, a path or a category. Remove it from the pipeline's definition or from the data.`,
  );
}
