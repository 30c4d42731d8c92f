import type { FindLabelIssuesInput } from '../../../contracts/cross-validation.js';
import type { SnapshotManifest, ValidationReport } from '../../../contracts/dataset.js';
import type { DataContext } from '../data-context.js';
import type { DataSession } from '../duckdb-session.js';
import { internalPrefix } from '../validate/schema-check.js';
import { snapshotRelation } from '../read/snapshot-relation.js';
import { identifier, pathLiteral } from '../sql-quoting.js';

export type PlainValue = string | number | boolean | null;

export interface SourceRow {
  /** Number of the row in the source, from 1. */
  readonly row: number;
  readonly values: Readonly<Record<string, PlainValue>>;
}

const rowNumber = `${internalPrefix}row`;

/**
 * The rows as they came, by their numbers among the clean rows (from 1): the source's rows without the quarantined ones.
 *
 * Images and other columns of bytes are left out.
 *
 * @returns by the number among the clean rows
 */
export async function sourceRows(
  session: DataSession,
  cleanRows: readonly number[],
  { spec, snapshot, validation }: Pick<FindLabelIssuesInput, 'spec' | 'snapshot' | 'validation'>,
  { store }: DataContext,
): Promise<Map<number, SourceRow>> {
  if (cleanRows.length === 0) return new Map();
  const manifest = await store.readJson<SnapshotManifest>(snapshot);
  const { quarantine } = await store.readJson<ValidationReport>(validation);
  const taken = quarantine
    ? await session.rows(
        `SELECT CAST(${rowNumber} AS DOUBLE) AS n FROM read_parquet(${pathLiteral(await store.localPath(quarantine))}) ORDER BY n`,
      )
    : [];
  const numbers = sourceNumbers(
    cleanRows,
    taken.map(({ n }) => n as number),
  );
  const paths = await Promise.all(manifest.parts.map(({ data }) => store.localPath(data)));
  const columns = manifest.columns.filter(
    // An image may come as a list of numbers or as text, too.
    ({ type, name }) => !type.includes('BLOB') && spec.columns[name]?.type !== 'image' && name.toLowerCase() !== rowNumber,
  );
  const selected = [rowNumber, ...columns.map(({ name }) => identifier(name))].join(', ');
  const wanted = [...numbers.values()].join(', ');
  const found = await session.rows(
    `SELECT ${selected} FROM (${snapshotRelation(paths, manifest, rowNumber)}) WHERE ${rowNumber} IN (${wanted})`,
  );
  const byNumber = new Map(found.map((row) => [Number(row[rowNumber]), row]));
  return new Map(
    [...numbers].map(([clean, row]) => {
      const values = byNumber.get(row) ?? {};
      return [clean, { row, values: Object.fromEntries(columns.map(({ name }) => [name, plainValue(values[name])])) }];
    }),
  );
}

/** @param quarantined numbers of the rows that were taken out, increasing */
function sourceNumbers(cleanRows: readonly number[], quarantined: readonly number[]): Map<number, number> {
  const numbers = new Map<number, number>();
  let before = 0;
  for (const clean of [...cleanRows].sort((a, b) => a - b)) {
    while (before < quarantined.length && quarantined[before] <= clean + before) before++;
    numbers.set(clean, clean + before);
  }
  return numbers;
}

/** What JSON can hold: dates as ISO 8601, integers beyond 2^53 and nested values as text. */
function plainValue(value: unknown): PlainValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return BigInt(Number(value)) === value ? Number(value) : value.toString();
  if (value instanceof Date) return value.toISOString();
  return JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
}
