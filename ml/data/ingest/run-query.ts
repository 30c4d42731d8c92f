import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { canonicalJson } from '../../../contracts/canonical-json.js';
import type { SnapshotManifest, SnapshotPart } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { NamedSource } from '../../../contracts/pipeline/source.js';
import type { ResolvedWindow } from '../../../contracts/pipeline/window.js';
import { type DataContext, earlierWork, isReadable } from '../data-context.js';
import { type DataSession, isResourceFailure, withDataSession } from '../duckdb-session.js';
import { firstLine } from '../../first-line.js';
import { snapshotRelation } from '../read/snapshot-relation.js';
import { identifier, pathLiteral, textLiteral } from '../sql-quoting.js';
import { beyondSources } from './beyond-sources.js';
import { describe } from './ingest-files.js';
import { noRows } from './no-rows.js';
import { typedColumns } from './typed-columns.js';
import { windowFilter } from './window-filter.js';

/** Grows when the same query over the same tables would give other rows. */
const formatVersion = 1;

export interface QueryTable {
  readonly name: string;
  readonly source: NamedSource;
  readonly manifest: SnapshotManifest;
}

/**
 * Run a query over named tables and keep its result as a part of a snapshot.
 *
 * The query sees the tables and nothing else: no file, no network, no extension. It runs on one thread, so that equal
 * tables give equal rows in equal order; a result that is known already is not computed again. Safe to repeat.
 *
 * @throws AnnealError `InvalidPipeline` when it is not one SELECT, or DuckDB refuses it; `SourceUnavailable` when it has no rows
 */
export async function runQuery(
  query: string,
  tables: readonly QueryTable[],
  window: ResolvedWindow | undefined,
  context: DataContext,
): Promise<{ readonly manifest: SnapshotManifest; readonly reused: boolean }> {
  const { store, onProgress } = context;
  const sources = tables.flatMap(({ manifest }) => manifest.sources);
  const inputs = tables.map(({ name, source, manifest: { parts, columns } }) => [name, typesOf(source) ?? null, parts, columns]);
  const pointer = `queries/${createHash('sha256')
    .update(canonicalJson([formatVersion, query, inputs, window ?? null]))
    .digest('hex')}`;
  const ref = await earlierWork(context, pointer);
  if (ref && (await isReadable(context, [ref]))) {
    const known = await store.readJson<SnapshotManifest>(ref);
    if (
      await isReadable(
        context,
        known.parts.map(({ data }) => data),
      )
    )
      return { manifest: { ...known, sources }, reused: true };
  }
  return withDataSession(context, async (session) => {
    onProgress?.({ phase: 'query' });
    const path = join(session.scratch, 'query.parquet');
    await createTables(session, tables, context);
    await assertOneSelect(session, query);
    await isolate(session, await partPaths(tables, context), path);
    await writeResult(session, query, window, path, context.signal);
    const relation = `read_parquet(${pathLiteral(path)}, hive_partitioning = false)`;
    const [{ rows }] = await session.rows(`SELECT count(*) AS rows FROM ${relation}`);
    if (Number(rows) === 0) throw noRows(`the query over ${tables.map(({ name }) => name).join(', ')}`, window);
    const columns = await describe(session, relation);
    const part: SnapshotPart = { data: await store.putFile(path), rows: Number(rows) };
    const manifest: SnapshotManifest = {
      formatVersion: 1,
      sources,
      parts: [part],
      rows: part.rows,
      typing: weakest(tables),
      columns,
      query,
      ...(window ? { window } : {}),
    };
    await store.setPointer(pointer, await store.putJson(manifest));
    return { manifest, reused: false };
  });
}

function typesOf(source: NamedSource): unknown {
  return 'types' in source ? source.types : undefined;
}

function weakest(tables: readonly QueryTable[]): SnapshotManifest['typing'] {
  const typings = new Set(tables.map(({ manifest }) => manifest.typing));
  return (['text', 'json', 'strong'] as const).find((typing) => typings.has(typing))!;
}

async function partPaths(tables: readonly QueryTable[], { store }: DataContext): Promise<string[]> {
  return Promise.all(tables.flatMap(({ manifest }) => manifest.parts.map(({ data }) => store.localPath(data))));
}

async function createTables(session: DataSession, tables: readonly QueryTable[], { store }: DataContext): Promise<void> {
  for (const { name, source, manifest } of tables) {
    const paths = await Promise.all(manifest.parts.map(({ data }) => store.localPath(data)));
    const nothing = `SELECT ${manifest.columns.map(({ name: column, type }) => `CAST(NULL AS ${type}) AS ${identifier(column)}`).join(', ')} WHERE false`;
    const rows = paths.length === 0 ? nothing : snapshotRelation(paths, manifest);
    await session.run(`CREATE VIEW ${identifier(name)} AS SELECT ${typedColumns(source, manifest.columns)} FROM (${rows})`);
  }
}

/** From here on the session reads these files, writes the result, and can change none of its own settings. */
async function isolate(session: DataSession, readable: readonly string[], writable: string): Promise<void> {
  await session.run('SET threads = 1');
  await session.run(`SET allowed_paths = [${[...readable, writable].map(textLiteral).join(', ')}]`);
  await session.run('SET enable_external_access = false');
  await session.run('SET lock_configuration = true');
}

/** DuckDB writes a SELECT, and nothing else, as JSON. */
async function assertOneSelect(session: DataSession, query: string): Promise<void> {
  const [{ tree }] = await session.rows(`SELECT CAST(json_serialize_sql(${textLiteral(query)}) AS VARCHAR) AS tree`);
  const parsed = JSON.parse(String(tree)) as { error: boolean; error_message?: string; statements?: unknown[] };
  if (parsed.error) throw refused(`it is not one SELECT (${(parsed.error_message ?? '').split('\n', 1)[0]})`);
  if (parsed.statements?.length !== 1) throw refused(`it holds ${parsed.statements?.length} statements`);
  const asked = beyondSources(parsed.statements);
  if (asked !== undefined) throw refused(`it reads ${asked}, which is none of its sources`);
}

async function writeResult(
  session: DataSession,
  query: string,
  window: ResolvedWindow | undefined,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  // On lines of its own: it may end in a comment.
  const statement = query.trim().replace(/;+$/, '');
  const rows = `(\n${statement}\n)`;
  try {
    const columns = (await session.rows(`DESCRIBE ${statement}`)).map((column) => ({
      name: String(column.column_name),
      type: String(column.column_type),
    }));
    const twice = columns.find(({ name }, i) => columns.findIndex((other) => other.name.toLowerCase() === name.toLowerCase()) < i);
    if (twice) throw refused(`its result has the column "${twice.name}" twice; give one of them another name (AS …)`);
    const where = window ? ` WHERE ${windowFilter('the result of source.query', columns, window)}` : '';
    await session.run(`COPY (SELECT * FROM ${rows}${where}) TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
  } catch (error) {
    if (signal?.aborted || error instanceof AnnealError || isResourceFailure(error)) throw error;
    throw refused(`DuckDB refuses it (${firstLine(error)})`, error);
  }
}

function refused(what: string, cause?: unknown): AnnealError {
  return new AnnealError(
    failureTypes.invalidPipeline,
    `The query of the source cannot be used: ${what}. It must be one SELECT over the names in source.sources, and can read nothing else. Correct source.query, or the types of a text column in source.sources.`,
    undefined,
    { cause },
  );
}
