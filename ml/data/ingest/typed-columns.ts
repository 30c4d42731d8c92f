import type { SnapshotColumn } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { NamedSource } from '../../../contracts/pipeline/source.js';
import { identifier } from '../sql-quoting.js';

const sqlTypes = { string: 'VARCHAR', integer: 'BIGINT', float: 'DOUBLE', boolean: 'BOOLEAN', date: 'DATE' } as const;

/**
 * The select list that gives the columns of a table of text the types that the pipeline says; empty text is missing.
 * A value that is not of the type makes the query fail.
 *
 * @throws AnnealError `InvalidPipeline` for a type of a column that is not there
 */
export function typedColumns(source: NamedSource, columns: readonly SnapshotColumn[]): string {
  const types = ('types' in source && source.types) || {};
  const unknown = Object.keys(types).find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined)
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `The types of a source name the column "${unknown}", which its files do not have. Their columns are ${columns
        .slice(0, 20)
        .map(({ name }) => `"${name}"`)
        .join(', ')}. Correct types in source.sources.`,
    );
  return columns
    .map(({ name }) => {
      const column = identifier(name);
      const type = Object.hasOwn(types, name) ? types[name] : undefined;
      if (type === undefined || type === 'string') return column;
      const text = `nullif(trim(${column}), '')`;
      // Through the type with a time zone: the plain one overlooks an offset.
      if (type === 'timestamp') return `CAST(${text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS ${column}`;
      return `CAST(${text} AS ${sqlTypes[type]}) AS ${column}`;
    })
    .join(', ');
}
