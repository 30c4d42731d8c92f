import type { ArtifactStore } from '../../contracts/artifact-store.js';
import type { LoggedPart } from '../../contracts/prediction-log.js';
import type { DataSession } from '../../ml/data/duckdb-session.js';
import { describe } from '../../ml/data/ingest/ingest-files.js';
import { identifier, numberLiteral, pathLiteral, textLiteral } from '../../ml/data/sql-quoting.js';
import type { RowFileFormat } from '../row-file-formats.js';
import { type PredictionFilter, wantedParts } from './logged-parts.js';

/** By the names of the log's columns: times as ISO 8601, numbers as they were logged. */
export type LoggedRow = Readonly<Record<string, string | number | boolean | null>>;

/** Columns that parts from before they were logged do not have. */
const laterColumns = `SELECT CAST(NULL AS FLOAT) AS anomaly, CAST(NULL AS BOOLEAN) AS anomalous, CAST(NULL AS VARCHAR) AS degraded WHERE false`;

/**
 * The newest logged rows that a filter lets through, newest first, those of a request in their order.
 *
 * Parts are read one after the other, the newest first, until none can hold a row that is newer than what was found.
 *
 * @param limit how many at most; so many are held in memory
 */
export async function newestRows(
  session: DataSession,
  store: ArtifactStore,
  parts: readonly LoggedPart[],
  filter: PredictionFilter,
  limit: number,
): Promise<readonly LoggedRow[]> {
  let found: LoggedRow[] = [];
  for (const part of wantedParts(parts, filter).toSorted((a, b) => b.untilMs - a.untilMs)) {
    if (found.length === limit && timeOf(found.at(-1)!) > part.untilMs) break;
    const relation = relationOf([await store.localPath(part.data)]);
    const columns = await describe(session, relation);
    const selected = columns.map(({ name, type }) => `${sayable(identifier(name), type)} AS ${identifier(name)}`);
    const query = `SELECT ${selected.join(', ')} FROM (SELECT * FROM ${relation} ${where(filter)} ORDER BY ${order('DESC')} LIMIT ${limit})`;
    const rows = (await session.rows(query)).map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, ofJson(value)])),
    );
    // Equal times keep the order of their request.
    found = [...found, ...rows].sort((a, b) => timeOf(b) - timeOf(a)).slice(0, limit);
  }
  return found;
}

/**
 * Write all logged rows that a filter lets through to a file, the oldest first.
 *
 * @returns how many
 */
export async function copyRows(
  session: DataSession,
  store: ArtifactStore,
  parts: readonly LoggedPart[],
  filter: PredictionFilter,
  { path, format, limit }: { readonly path: string; readonly format: RowFileFormat; readonly limit?: number },
): Promise<number> {
  const wanted = wantedParts(parts, filter);
  // A file without rows has the columns all the same.
  const read = wanted.length === 0 ? [newestOf(parts)] : wanted;
  const paths: string[] = [];
  for (const { data } of read) paths.push(await store.localPath(data));
  const relation = relationOf(paths);
  const columns = predictedFirst(await describe(session, relation), ({ name }) => name);
  const selected = columns.map(
    ({ name, type }) => `${format.isText ? sayable(identifier(name), type) : identifier(name)} AS ${identifier(name)}`,
  );
  const rows = `SELECT * FROM ${relation} ${wanted.length === 0 ? 'WHERE false' : where(filter)}`;
  // Of fewer than all the newest.
  const kept = limit === undefined ? rows : `SELECT * FROM (${rows} ORDER BY ${order('DESC')} LIMIT ${limit})`;
  const sorted = `SELECT ${selected.join(', ')} FROM (${kept} ORDER BY ${order('ASC')})`;
  const [{ Count: written }] = await session.rows(`COPY (${sorted}) TO ${textLiteral(path)} (${format.copyOptions})`);
  return Number(written);
}

/** @returns the names of the columns that the newest part has, in the order in which they are shown */
export async function loggedColumns(session: DataSession, store: ArtifactStore, parts: readonly LoggedPart[]): Promise<readonly string[]> {
  const columns = await describe(session, relationOf([await store.localPath(newestOf(parts).data)]));
  return predictedFirst(columns, ({ name }) => name).map(({ name }) => name);
}

/** What was predicted stands before what it was predicted from. */
export function predictedFirst<T>(columns: readonly T[], nameOf: (column: T) => string): T[] {
  const isInput = (column: T): boolean => nameOf(column).startsWith('input_');
  return [...columns.filter((column) => !isInput(column)), ...columns.filter(isInput)];
}

function newestOf(parts: readonly LoggedPart[]): LoggedPart {
  return parts.reduce((newest, part) => (part.untilMs > newest.untilMs ? part : newest));
}

/** Versions may read other columns, and predict other classes. */
function relationOf(paths: readonly string[]): string {
  const files = `read_parquet([${paths.map(pathLiteral).join(', ')}], union_by_name = true, hive_partitioning = false)`;
  return `(SELECT * FROM ${files} UNION ALL BY NAME ${laterColumns})`;
}

function order(direction: 'ASC' | 'DESC'): string {
  return `"time" ${direction}, request_id, "row"`;
}

function where({ sinceMs, untilMs, version, requestId, anomaly, degraded }: PredictionFilter): string {
  const conditions = [
    ...(sinceMs === undefined ? [] : [`"time" >= epoch_ms(${Math.ceil(sinceMs)})`]),
    ...(untilMs === undefined ? [] : [`"time" < epoch_ms(${Math.ceil(untilMs)})`]),
    ...(version === undefined ? [] : [`version = ${textLiteral(version)}`]),
    ...(requestId === undefined ? [] : [`request_id = ${textLiteral(requestId)}`]),
    ...(anomaly === undefined ? [] : [isAnomalous(anomaly)]),
    ...(degraded ? ['degraded IS NOT NULL'] : []),
  ];
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

/** Scores are compared in float32, as the hosts do. */
function isAnomalous(anomaly: NonNullable<PredictionFilter['anomaly']>): string {
  if (typeof anomaly === 'number') return `anomaly >= CAST(${numberLiteral(anomaly)} AS FLOAT)`;
  return `coalesce(anomalous, anomaly >= CAST(${numberLiteral(anomaly.from)} AS FLOAT))`;
}

/** SQL of a value as people write it. */
function sayable(column: string, type: string): string {
  // Shortest digits that tell one float32 from another; those of its double would say more than is known.
  if (type === 'FLOAT') return `CAST(CAST(${column} AS VARCHAR) AS DOUBLE)`;
  if (type === 'TIMESTAMP') return `strftime(${column}, '%Y-%m-%dT%H:%M:%S.%gZ')`;
  return column;
}

function ofJson(value: unknown): string | number | boolean | null {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

function timeOf(row: LoggedRow): number {
  return Date.parse(String(row.time));
}
