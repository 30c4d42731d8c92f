import type { SnapshotColumn } from '../../../contracts/dataset.js';
import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import { unavailable } from './source-file.js';
import { identifier, textLiteral } from '../sql-quoting.js';

/**
 * The condition that a row lies in the window; a row without a readable time does not.
 *
 * @throws AnnealError `SourceUnavailable` when there is no such column, or it holds no times
 */
export function windowFilter(uri: string, columns: readonly SnapshotColumn[], { column, since, until }: ResolvedWindow): string {
  const found = columns.find(({ name }) => name === column);
  if (!found)
    throw unavailable(
      uri,
      `the window's column "${column}" is not among its columns ${columns
        .slice(0, 20)
        .map(({ name }) => `"${name}"`)
        .join(', ')}`,
      'Correct source.window.column.',
    );
  const time = timeOf(identifier(column), found.type);
  if (!time)
    throw unavailable(
      uri,
      `the window's column "${column}" is of type ${found.type}, which is no time`,
      'Correct source.window.column, or make a time of it in a query (source.query).',
    );
  const bounds = [
    ...(since === undefined ? [] : [`${time.sql} >= CAST(${textLiteral(since)} AS ${time.type})`]),
    ...(until === undefined ? [] : [`${time.sql} < CAST(${textLiteral(until)} AS ${time.type})`]),
  ];
  return bounds.join(' AND ');
}

/** The column itself where that is possible, so that whole row groups can be passed over by their bounds. */
function timeOf(column: string, type: string): { readonly sql: string; readonly type: string } | undefined {
  if (type === 'TIMESTAMP WITH TIME ZONE') return { sql: column, type: 'TIMESTAMPTZ' };
  if (type === 'TIMESTAMP') return { sql: column, type: 'TIMESTAMP' };
  if (type === 'DATE' || /^TIMESTAMP_(S|MS|NS)$/.test(type)) return { sql: `CAST(${column} AS TIMESTAMP)`, type: 'TIMESTAMP' };
  // Through the type with a time zone: the plain one overlooks an offset.
  if (type === 'VARCHAR') return { sql: `TRY_CAST(${column} AS TIMESTAMPTZ)`, type: 'TIMESTAMPTZ' };
  if (type === 'JSON') return { sql: `TRY_CAST((${column} ->> '$') AS TIMESTAMPTZ)`, type: 'TIMESTAMPTZ' };
  return undefined;
}
