import type { SnapshotColumn, SnapshotManifest, SnapshotPart } from '../../../contracts/dataset.js';
import { identifier, pathLiteral } from '../sql-quoting.js';

interface Part extends SnapshotPart {
  readonly path: string;
  /** Rows of the snapshot before it. */
  readonly before: number;
}

/**
 * The rows of a snapshot as a query: its columns in their types, from one Parquet file or thousands, in order.
 *
 * @param paths the files of the parts, in their order
 * @param rowNumber name of a column with the number of the row in the snapshot, from 1; a source's own column of that name
 *   is left out
 */
export function snapshotRelation(paths: readonly string[], { parts, columns }: SnapshotManifest, rowNumber?: string): string {
  const kept = columns.filter(({ name }) => name.toLowerCase() !== rowNumber?.toLowerCase());
  let before = 0;
  const placed = parts.map((part, i): Part => {
    const here = { ...part, path: paths[i], before };
    before += part.rows;
    return here;
  });
  return alike(placed, columns)
    .map((group) => groupRows(group, kept, columns, rowNumber))
    .join(' UNION ALL ');
}

/** Consecutive parts of the same columns: DuckDB takes a long list of files better than a long list of queries. */
function alike(parts: readonly Part[], columns: readonly SnapshotColumn[]): Part[][] {
  const groups: Part[][] = [];
  let last: string | undefined;
  for (const part of parts) {
    const own = part.columns ?? columns;
    const key = JSON.stringify(own);
    // The numbers of rows are counted by virtual columns, which a column of the name hides.
    if (key === last && !hidesVirtualColumns(own)) groups.at(-1)!.push(part);
    else groups.push([part]);
    last = key;
  }
  return groups;
}

function groupRows(
  group: readonly Part[],
  kept: readonly SnapshotColumn[],
  columns: readonly SnapshotColumn[],
  rowNumber: string | undefined,
): string {
  const own = group[0].columns ?? columns;
  const types = new Map(own.map(({ name, type }) => [name, type]));
  const selected = kept.map(({ name, type }) => {
    const found = types.get(name);
    const column = identifier(name);
    if (found === type) return column;
    if (found === undefined) return `CAST(NULL AS ${type}) AS ${column}`;
    return `CAST(${found === 'JSON' && type === 'VARCHAR' ? `(${column} ->> '$')` : column} AS ${type}) AS ${column}`;
  });
  if (rowNumber !== undefined) selected.push(`${numberOf(group, own)} AS ${identifier(rowNumber)}`);
  const paths = group.map(({ path }) => pathLiteral(path));
  return `SELECT ${selected.join(', ')} FROM read_parquet(${paths.length === 1 ? paths[0] : `[${paths.join(', ')}]`}, hive_partitioning = false)`;
}

function numberOf(group: readonly Part[], own: readonly SnapshotColumn[]): string {
  if (hidesVirtualColumns(own)) return `row_number() OVER () + ${group[0].before}`;
  if (group.length === 1) return `file_row_number + ${group[0].before + 1}`;
  return `file_row_number + [${group.map(({ before }) => before + 1).join(', ')}][CAST(file_index AS BIGINT) + 1]`;
}

function hidesVirtualColumns(columns: readonly SnapshotColumn[]): boolean {
  return columns.some(({ name }) => ['file_row_number', 'file_index'].includes(name.toLowerCase()));
}
