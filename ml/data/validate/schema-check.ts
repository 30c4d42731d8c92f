import type { Anomaly, SnapshotManifest } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { ColumnSpec, PipelineSpec } from '../../../contracts/pipeline.js';
import { frozenColumnAnomalies } from '../checks/frozen-columns.js';
import { type ColumnReading, readColumn, sqlTypes } from '../read/column-reading.js';
import type { DataSession } from '../duckdb-session.js';
import { imageRules, readImage } from '../read/image-reading.js';
import { type RowRule, rulesOf, shortList } from './row-rules.js';
import { snapshotRelation } from '../read/snapshot-relation.js';
import { identifier } from '../sql-quoting.js';
import { targetColumn } from '../target-column.js';
import { typedRows } from '../read/typed-rows.js';

/** Names that the stages of the data give to columns of their own. */
export const internalPrefix = '__anneal_';
export const slicePrefix = '__slice_';

export interface Schema {
  /** The source's columns, in the order of the file. */
  readonly source: SourceColumns;
  /** The declared columns that can be read. */
  readonly columns: readonly { readonly name: string; readonly type: ColumnSpec['type'] }[];
  readonly rules: readonly RowRule[];
  readonly anomalies: readonly Anomaly[];
  /** View of the snapshot as it is, with the row number. */
  readonly sourceView: string;
  /** View with the declared columns in their types, the row number, and the index of the first quarantine rule that a row breaks. */
  readonly view: string;
  /** Column with the number of the row in the snapshot, from 1. */
  readonly rowNumber: string;
  readonly brokenRule: string;
}

type SourceColumns = SnapshotManifest['columns'];

/**
 * Compare a snapshot's columns with the declared ones, and define the views that the further checks read.
 *
 * @param paths the Parquet files of the snapshot's parts
 * @throws AnnealError `InvalidPipeline` when a declared column bears a reserved name
 */
export async function checkSchema(
  session: DataSession,
  paths: readonly string[],
  manifest: SnapshotManifest,
  spec: PipelineSpec,
): Promise<Schema> {
  const source = manifest.columns;
  refuseReservedNames(Object.keys(spec.columns));
  const rowNumber = `${internalPrefix}row`;
  const sourceView = `${internalPrefix}source`;
  await session.run(`CREATE VIEW ${sourceView} AS ${snapshotRelation(paths, manifest, rowNumber)}`);

  const types = new Map(source.map((column) => [column.name, column.type]));
  const anomalies: Anomaly[] = [];
  const columns: { name: string; type: ColumnSpec['type']; reading: ColumnReading }[] = [];
  for (const [name, column] of Object.entries(spec.columns)) {
    const found = types.get(name);
    if (found === undefined) {
      anomalies.push(missingColumn(name, column, source));
      continue;
    }
    const reading = readSource(name, column, found, manifest.typing) ?? (await emptyReading(session, sourceView, name, column.type));
    if (reading) columns.push({ name, type: column.type, reading });
    else anomalies.push(wrongType(name, column, found));
  }
  const extra = source.filter((column) => !Object.hasOwn(spec.columns, column.name)).map((column) => column.name);
  const unknown = extra.filter((name) => !Object.hasOwn(spec.schema?.columns ?? {}, name));
  if (unknown.length > 0)
    anomalies.push({
      severity: 'warn',
      rule: 'extra-column',
      expected: `the columns that the pipeline declares${spec.schema ? ' and the frozen schema knows' : ''}`,
      found: `${unknown.length} more, which are not used: ${shortList(unknown)}`,
    });
  anomalies.push(...frozenColumnAnomalies(source, spec));

  const rules = columns.flatMap(({ name, reading }) => sourceRules(name, spec.columns[name], reading));
  const brokenRule = `${internalPrefix}rule`;
  const view = `${internalPrefix}typed`;
  const query = await typedRows(
    session,
    {
      sourceView,
      rowNumber,
      columns,
      // The target may be computed from columns that the pipeline has no other use for.
      extra: extra.filter((name) => !isReserved(name)),
      rules,
      brokenRule,
      // Lists of numbers are dear to turn into images, and many queries read the view.
      isDear: columns.some(({ name, type }) => type === 'image' && types.get(name) !== 'BLOB'),
    },
    spec,
  );
  await session.run(`CREATE VIEW ${view} AS ${query}`);
  return { source, columns, rules, anomalies, sourceView, view, rowNumber, brokenRule };
}

function readSource(name: string, column: ColumnSpec, found: string, typing: SnapshotManifest['typing']): ColumnReading | undefined {
  return column.type === 'image' ? readImage(name, column, found, typing) : readColumn(name, column.type, found, typing);
}

function sourceRules(name: string, column: ColumnSpec, reading: ColumnReading): RowRule[] {
  return column.type === 'image' ? imageRules(name, column, reading) : rulesOf(name, column, reading);
}

function isReserved(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === targetColumn || lower.startsWith(internalPrefix) || lower.startsWith(slicePrefix);
}

function refuseReservedNames(names: readonly string[]): void {
  const reserved = names.find(isReserved);
  if (reserved === undefined) return;
  throw new AnnealError(
    failureTypes.invalidPipeline,
    `The column "${reserved}" bears a name that Anneal gives to columns of its own (${targetColumn}, ${internalPrefix}…, ${slicePrefix}…). Rename it in the data and in columns.`,
  );
}

/** A column without a single value has whatever type its writer fell back on. */
async function emptyReading(
  session: DataSession,
  sourceView: string,
  name: string,
  type: ColumnSpec['type'],
): Promise<ColumnReading | undefined> {
  const column = identifier(name);
  const [{ present }] = await session.rows(`SELECT count(${column}) AS present FROM ${sourceView}`);
  return Number(present) > 0 ? undefined : { typed: `CAST(NULL AS ${sqlTypes[type]})`, isMissing: 'true', text: `CAST(NULL AS VARCHAR)` };
}

function missingColumn(name: string, column: ColumnSpec, source: SourceColumns): Anomaly {
  const similar = source.find((other) => other.name.toLowerCase() === name.toLowerCase());
  const names = source.map((other) => other.name);
  return {
    severity: 'error',
    rule: 'missing-column',
    column: name,
    expected: `a column of type ${column.type}`,
    found: similar ? `no such column, but one called ${JSON.stringify(similar.name)}` : `no such column among ${shortList(names)}`,
  };
}

function wrongType(name: string, column: ColumnSpec, found: string): Anomaly {
  return { severity: 'error', rule: 'type', column: name, expected: `type ${column.type}`, found: `type ${found}` };
}
