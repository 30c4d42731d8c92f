import { type DuckDBAppender, DuckDBDataChunk, type DuckDBFloatVector, type DuckDBIntegerVector, FLOAT, INTEGER } from '@duckdb/node-api';
import type { InferenceSession } from 'onnxruntime-node';
import type { ListedFile, ModelInput, SnapshotColumn } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { OnRows } from '../child/job-messages.js';
import { type DataSession, isResourceFailure, withDataSession } from '../data/duckdb-session.js';
import { firstLine } from '../first-line.js';
import { fileRelation, unreadable } from '../data/ingest/file-relation.js';
import { describe } from '../data/ingest/ingest-files.js';
import { typings } from '../data/ingest/unify-columns.js';
import { internalPrefix } from '../data/validate/schema-check.js';
import { assertUnchanged, fingerprint } from '../data/ingest/source-file.js';
import { identifier, textLiteral } from '../data/sql-quoting.js';
import { rawColumn } from '../evaluate/raw-column.js';
import { type ModelOutputs, predictClassesWith, tensorParts } from '../export/run-model.js';
import { type InputReading, readInputs } from './input-reading.js';
import { keptColumns, predictionColumns, predictionWidth, rejectColumns, rejectedColumns } from './output-columns.js';
import { withFolders } from './plan-batch.js';
import type { Scored, ScoringJob } from './scoring-job.js';

/** Rows whose predictions are held in memory before DuckDB has them. */
const rowsAtOnce = 262_144;
/** What one vector of DuckDB holds. */
const chunkRows = 2048;
const rowColumn = `${internalPrefix}row`;
const ruleColumn = `${internalPrefix}rule`;
const carriedColumn = (i: number): string => `${internalPrefix}carried_${i}`;
const inputColumn = (i: number): string => `${internalPrefix}input_${i}`;
const notFinite = 'the model predicts no finite number';
const sqlTypes: Readonly<Record<ModelInput['type'], string>> = { string: 'VARCHAR', int64: 'BIGINT', float64: 'DOUBLE', uint8: 'BLOB' };
const copyOptions: Readonly<Record<ScoringJob['format'], string>> = {
  parquet: 'FORMAT parquet, COMPRESSION zstd',
  csv: 'FORMAT csv, HEADER true',
  jsonl: 'FORMAT json',
};

/**
 * Predict the rows of a partition and write them, in their order, beside what is kept of them; those that the model cannot
 * read go to a file of their own with their number in the input file (from 1) and the reason.
 *
 * Deterministic: equal rows and an equal graph give equal files on equal machines. Blocks the thread for some milliseconds at a
 * time.
 *
 * @throws AnnealError `SourceUnavailable` when the file is damaged or not the one that was planned, `InvalidRequest` when it does
 *   not fit the model
 */
export async function scorePartition(
  job: ScoringJob,
  model: InferenceSession,
  onRows: OnRows = () => {},
  signal?: AbortSignal,
): Promise<Scored> {
  const { file, path, source } = job;
  await assertPlanned(job);
  const digest = job.digest ? fingerprint(file.uri, path, signal) : undefined;
  // Waited for below; the reading may fail first.
  digest?.catch(() => undefined);
  const scored = await withDataSession({ ...job, signal }, async (session) => {
    const columns = await readRows(session, job, (share) => onRows(0, 0, share), signal);
    return predictRows(session, job, columns, model, onRows);
  }).catch((error: unknown) => {
    if (!signal?.aborted && isOutOfMemory(error)) throw outOfMemory(job, error);
    if (signal?.aborted || error instanceof AnnealError || isResourceFailure(error) || !isReadingFailure(error)) throw error;
    throw unreadable(source, { uri: file.uri, path }, error);
  });
  const found = await digest;
  await assertPlanned(job);
  return { ...scored, ...(found ? { inputSha256: found.sha256 } : {}) };
}

/** DuckDB's own limit, which another attempt meets as well; what does not fit into it goes to the disk, but the columns of some rows must. */
function isOutOfMemory(error: unknown): boolean {
  return /^Out of Memory Error: failed to (allocate|pin)/i.test(firstLine(error));
}

function outOfMemory({ file, memoryLimitBytes, rows }: ScoringJob, cause: unknown): AnnealError {
  const most = `${Math.round(memoryLimitBytes / 2 ** 20)} MiB`;
  const smaller = rows ? ', or smaller partitions (--partition-rows)' : '';
  return new AnnealError(
    failureTypes.invalidRequest,
    `The file "${file.uri}" cannot be predicted within the ${most} of memory that a partition may take: it has very many columns, or very large values. Start the job with few columns beside the predictions (--keep id,date, or --no-keep)${smaller}.`,
    undefined,
    { cause },
  );
}

/** A file that is fetched for this attempt is the one that its etag names. */
async function assertPlanned({ file, path }: ScoringJob): Promise<void> {
  const { modifiedMs, sizeBytes, uri } = file;
  if (modifiedMs !== undefined) await assertUnchanged(uri, { path, sha256: '', sizeBytes, modifiedMs });
}

/** What DuckDB says of damaged data, in contrast to what it says of the disk. */
function isReadingFailure(error: unknown): boolean {
  return /Invalid Input|Conversion|Parquet|Malformed|Snappy|ZSTD|Invalid Error|IO Error|CSV|JSON/i.test(String((error as Error).message));
}

/** Where a value stands in the table of rows, and the name of its column: names of our own cannot meet a user's `rowid`. */
type Carried = readonly (readonly [column: string, name: string])[];

interface FileColumns {
  readonly kept: Carried;
  readonly rejected: Carried;
  readonly reading: InputReading;
}

/** The rows as a table: what is kept of them, the model's inputs, the number of the row, and the first rule that it breaks. */
async function readRows(
  session: DataSession,
  job: ScoringJob,
  onShare: (share: number) => void,
  signal: AbortSignal | undefined,
): Promise<FileColumns> {
  const { source, file, path, rows, model } = job;
  const { sql, verify } = await fileRelation(session, source, { uri: file.uri, path }, 'decoded', {
    signal,
    memoryLimitBytes: job.memoryLimitBytes,
  });
  const own = await describe(session, sql);
  const columns = withFolders(own, file);
  const reading = readInputs(file.uri, model.manifest, columns, typings[source.format], job.rejectOutOfRange);
  const kept = keptColumns(file.uri, model.manifest, columns, job.keep);
  const rejected = rejectedColumns(kept, model.manifest, columns);
  const written = (name: string): string => (hasTypes(job) && reading.retyped.get(name)) || identifier(name);
  const carried = [...new Set([...kept.map(written), ...rejected.map(identifier)])];
  const placed = (names: readonly string[], sqlOf: (name: string) => string) =>
    names.map((name) => [carriedColumn(carried.indexOf(sqlOf(name))), name] as const);
  const rules = reading.rules.map(({ isBroken }, i) => `WHEN ${isBroken} THEN ${i}`);
  const selected = [
    `${rowNumber(job, own)} AS ${rowColumn}`,
    ...carried.map((value, i) => `${value} AS ${carriedColumn(i)}`),
    ...reading.inputs.map((input, i) => `CAST(${input} AS ${sqlTypes[model.manifest.inputs[i].type]}) AS ${inputColumn(i)}`),
    `${rules.length > 0 ? `CASE ${rules.join(' ')} END` : 'CAST(NULL AS INTEGER)'} AS ${ruleColumn}`,
  ];
  const within = rows ? ` WHERE file_row_number >= ${rows[0]} AND file_row_number < ${rows[1]}` : '';
  const verified = verify?.();
  // Waited for below; DuckDB may fail first.
  verified?.catch(() => undefined);
  await session.run(`CREATE TABLE rows AS SELECT ${selected.join(', ')} FROM ${withFolderColumns(sql, own, file)}${within}`, onShare);
  await verified;
  return { kept: placed(kept, written), rejected: placed(rejected, identifier), reading };
}

/** In CSV all values are text, and stay what they were. */
function hasTypes({ typedInputs, format }: ScoringJob): boolean {
  return typedInputs && format !== 'csv';
}

function rowNumber({ source, file }: ScoringJob, own: readonly SnapshotColumn[]): string {
  const isCounted = source.format === 'parquet' && file.partition === undefined;
  return isCounted && !own.some(({ name }) => name.toLowerCase() === 'file_row_number') ? 'file_row_number + 1' : 'row_number() OVER ()';
}

function withFolderColumns(sql: string, own: readonly SnapshotColumn[], { partition }: Pick<ListedFile, 'partition'>): string {
  if (!partition) return sql;
  const names = new Set(own.map(({ name }) => name.toLowerCase()));
  const added = Object.entries(partition).filter(([name]) => !names.has(name.toLowerCase()));
  const values = added.map(([name, value]) => `CAST(${value === null ? 'NULL' : textLiteral(value)} AS VARCHAR) AS ${identifier(name)}`);
  return values.length === 0 ? sql : `(SELECT *, ${values.join(', ')} FROM ${sql})`;
}

async function predictRows(
  session: DataSession,
  job: ScoringJob,
  columns: FileColumns,
  model: InferenceSession,
  onRows: OnRows,
): Promise<Omit<Scored, 'inputSha256'>> {
  const { manifest } = job.model;
  const width = predictionWidth(manifest);
  const values = Array.from({ length: width }, (_, k) => `p${k} FLOAT`);
  await session.run(`CREATE TABLE predictions (choice INTEGER, score FLOAT, ${values.join(', ')})`);
  const [{ rows: total, places }] = await session.rows(
    `SELECT count(*) FILTER (${ruleColumn} IS NULL) AS rows, coalesce(max(rowid) + 1, 0) AS places FROM rows`,
  );
  const totalRows = Number(total);
  let done = 0;
  for (let from = 0; from < Number(places); from += rowsAtOnce) {
    const predictions = new Predictions(width, Math.min(rowsAtOnce, Number(places) - from));
    const inputs = manifest.inputs.map((_, i) => inputColumn(i)).join(', ');
    const query = `SELECT ${inputs} FROM rows WHERE rowid >= ${from} AND rowid < ${from + rowsAtOnce} AND ${ruleColumn} IS NULL`;
    for await (const chunk of session.chunks(query)) {
      const rows = chunk.rowCount;
      const tensors = Object.fromEntries(manifest.inputs.map((input, i) => [input.name, rawColumn(chunk.getColumnVector(i), input, rows)]));
      for (const part of tensorParts(manifest.layout.image, tensors, rows)) predictions.add(await predictClassesWith(model, part.columns));
      done += rows;
      onRows(done, totalRows);
    }
    await session.append('predictions', async (appender) => predictions.appendTo(appender));
  }
  return write(session, job, columns, manifest);
}

function named(columns: Carried): string[] {
  return columns.map(([column, name]) => `${column} AS ${identifier(name)}`);
}

/** What the graph computed for some rows, until DuckDB has it. */
class Predictions {
  readonly #values: Float32Array;
  readonly #choices: Int32Array;
  readonly #scores: Float32Array;
  #rows = 0;

  constructor(
    private readonly width: number,
    rows: number,
  ) {
    this.#values = new Float32Array(rows * width); // [rows, width]
    this.#choices = new Int32Array(rows); // [rows]
    this.#scores = new Float32Array(rows); // [rows]
  }

  add({ values, classIndex, anomaly }: ModelOutputs): void {
    const rows = values.length / this.width;
    if (anomaly) this.#scores.set(anomaly, this.#rows);
    this.#values.set(values, this.#rows * this.width);
    for (let row = 0; row < rows; row++) {
      let isFinite = true;
      for (let k = 0; k < this.width; k++) isFinite &&= Number.isFinite(values[row * this.width + k]);
      this.#choices[this.#rows + row] = isFinite ? Number(classIndex?.[row] ?? 0) : -1;
    }
    this.#rows += rows;
  }

  appendTo(appender: DuckDBAppender): void {
    const types = [INTEGER, FLOAT, ...Array.from({ length: this.width }, () => FLOAT)];
    for (let from = 0; from < this.#rows; from += chunkRows) {
      const rows = Math.min(chunkRows, this.#rows - from);
      const chunk = DuckDBDataChunk.create(types, rows);
      const choices = chunk.getColumnVector(0) as DuckDBIntegerVector;
      for (let row = 0; row < rows; row++) choices.setItem(row, this.#choices[from + row]);
      choices.flush();
      const scores = chunk.getColumnVector(1) as DuckDBFloatVector;
      for (let row = 0; row < rows; row++) scores.setItem(row, this.#scores[from + row]);
      scores.flush();
      for (let k = 0; k < this.width; k++) {
        const column = chunk.getColumnVector(k + 2) as DuckDBFloatVector;
        for (let row = 0; row < rows; row++) column.setItem(row, this.#values[(from + row) * this.width + k]);
        column.flush();
      }
      appender.appendDataChunk(chunk);
    }
  }
}

async function write(
  session: DataSession,
  job: ScoringJob,
  { kept, rejected, reading }: FileColumns,
  manifest: ModelManifest,
): Promise<Omit<Scored, 'inputSha256'>> {
  const predicted = `(SELECT * FROM rows WHERE ${ruleColumn} IS NULL) POSITIONAL JOIN predictions`;
  const [{ rows }] = await session.rows('SELECT count(*) FILTER (choice >= 0) AS rows FROM predictions');
  if (Number(rows) > 0) {
    const computed = predictionColumns(manifest).map(({ name, sql }) => `${sql} AS ${identifier(name)}`);
    const selected = [...named(kept), ...computed].join(', ');
    await session.run(
      `COPY (SELECT ${selected} FROM ${predicted} WHERE choice >= 0) TO ${textLiteral(job.partPath)} (${copyOptions[job.format]})`,
    );
  }
  const reasons = [...reading.rules.map(({ reason }) => reason), notFinite];
  const reason = `[${reasons.map(textLiteral).join(', ')}][rule + 1]`;
  const broken = [...rejected.map(([column]) => column), rowColumn].join(', ');
  await session.run(
    `CREATE VIEW rejected AS SELECT ${broken}, ${ruleColumn} AS rule FROM rows WHERE ${ruleColumn} IS NOT NULL UNION ALL SELECT ${broken}, ${reasons.length - 1} AS rule FROM ${predicted} WHERE choice < 0`,
  );
  const groups = await session.rows(`SELECT ${reason} AS reason, count(*) AS rows FROM rejected GROUP BY ALL ORDER BY 2 DESC, 1`);
  if (groups.length > 0) {
    const place = `${textLiteral(job.file.uri)} AS ${rejectColumns.file}, ${rowColumn} AS ${rejectColumns.row}, ${reason} AS ${rejectColumns.reason}`;
    const selected = [place, ...named(rejected)].join(', ');
    await session.run(
      `COPY (SELECT ${selected} FROM rejected ORDER BY ${rowColumn}) TO ${textLiteral(job.rejectedPath)} (${copyOptions[job.format]})`,
    );
  }
  return {
    rows: Number(rows),
    rejected: groups.reduce((sum, group) => sum + Number(group.rows), 0),
    reasons: Object.fromEntries(groups.map((group) => [String(group.reason), Number(group.rows)])),
  };
}
