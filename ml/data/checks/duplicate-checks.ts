import type { Anomaly } from '../../../contracts/dataset.js';
import { identifier } from '../sql-quoting.js';
import { targetColumn } from '../target-column.js';
import { type CheckContext, found, percent } from './check-context.js';

/** Of more rows than twice that, those whose content has one of the drawn hashes are counted: all copies of a row or none. */
const countedRows = 500_000;

/** Exact copies of rows, in the declared columns and the target, beyond `expectations.duplicates`; estimated in large data. */
export async function duplicateRows({ session, spec, columns, clean, rows }: CheckContext): Promise<Anomaly[]> {
  const { severity, max } = spec.expectations.duplicates;
  if (severity === 'off' || columns.length === 0) return [];
  const names = [...columns.map(({ name }) => identifier(name)), targetColumn].join(', ');
  const stride = Math.max(1, Math.floor(rows / countedRows));
  // A collision of 64-bit hashes would miscount one row.
  const [counted] = await session.rows(
    `SELECT count(*) AS drawn, count(*) - count(DISTINCT content) AS copies FROM (SELECT hash(${names}) AS content FROM ${clean}) WHERE content % ${stride} = 0`,
  );
  const copies = stride === 1 ? Number(counted.copies) : Math.round((Number(counted.copies) / Number(counted.drawn)) * rows);
  if (!(copies > max * rows)) return [];
  return found(severity, {
    rule: 'duplicate-rows',
    expected: `at most ${percent(max)} exact copies of other rows (expectations.duplicates)`,
    found: `${stride === 1 ? '' : 'about '}${copies} of ${rows} rows`,
    rows: copies,
  });
}

/** Values that occur twice in a column that is a key, by the pipeline or by the frozen schema. */
export async function duplicateKeys({ session, spec, columns, clean }: CheckContext): Promise<Anomaly[]> {
  const { severity } = spec.expectations.schema;
  const keys = columns.flatMap(({ name }) => {
    if (spec.columns[name].unique) return [{ name, severity: 'error' as const, by: `columns.${name}.unique` }];
    return spec.schema?.columns[name]?.unique ? [{ name, severity, by: 'the frozen schema' }] : [];
  });
  const anomalies: Anomaly[] = [];
  for (const key of keys) {
    const column = identifier(key.name);
    const [{ copies, example }] = await session.rows(
      `SELECT coalesce(sum(n - 1), 0) AS copies, min(value) AS example FROM (SELECT count(*) AS n, CAST(${column} AS VARCHAR) AS value FROM ${clean} WHERE ${column} IS NOT NULL GROUP BY ${column} HAVING count(*) > 1)`,
    );
    if (Number(copies) === 0) continue;
    anomalies.push(
      ...found(key.severity, {
        rule: 'duplicate-keys',
        column: key.name,
        expected: `each value once (${key.by})`,
        found: `${Number(copies)} rows that repeat a value, such as ${JSON.stringify(String(example).slice(0, 60))}`,
        rows: Number(copies),
      }),
    );
  }
  return anomalies;
}
