const stateFunctions = /^(duckdb_|pragma_|current_setting$|getvariable$|query$|query_table$)/;
const stateTables = /^(duckdb_|pragma_|pg_|sqlite_)/;

/**
 * What a query asks of DuckDB itself: its settings, catalogue and logs hold paths of the worker, and differ between workers.
 *
 * @param node of the syntax tree that DuckDB makes of a query
 * @returns the name of a function or table; undefined when there is none
 */
export function beyondSources(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  const { function_name: called, table_name: table, schema_name: schema } = node as Readonly<Record<string, unknown>>;
  if (typeof called === 'string' && stateFunctions.test(called.toLowerCase())) return `${called}()`;
  if (typeof table === 'string' && typeof schema === 'string' && (!['', 'main'].includes(schema) || stateTables.test(table.toLowerCase())))
    return schema === '' ? table : `${schema}.${table}`;
  for (const child of Object.values(node)) {
    const name = beyondSources(child);
    if (name !== undefined) return name;
  }
  return undefined;
}
