import type { TargetSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { textLiteral } from '../sql-quoting.js';
import { targetSql } from '../target-column.js';

/**
 * The columns that the target's expression reads, as DuckDB's own parser sees them.
 *
 * @param columns names to look for; like DuckDB, without regard to case
 * @returns those of `columns` that the expression names
 */
export async function columnsReadBy(session: DataSession, target: TargetSpec, columns: readonly string[]): Promise<Set<string>> {
  const [{ tree }] = await session.rows(
    `SELECT CAST(json_serialize_sql(${textLiteral(`SELECT ${targetSql(target)}`)}) AS VARCHAR) AS tree`,
  );
  const named = new Set<string>();
  collectColumns(JSON.parse(String(tree)), named);
  return new Set(columns.filter((name) => named.has(name.toLowerCase())));
}

function collectColumns(node: unknown, named: Set<string>): void {
  if (typeof node !== 'object' || node === null) return;
  const { column_names: names } = node as { readonly column_names?: unknown };
  // Of a.b any part may be the column: a may be a struct.
  if (Array.isArray(names)) for (const name of names) named.add(String(name).toLowerCase());
  for (const child of Object.values(node)) collectColumns(child, named);
}
