import { join } from 'node:path';
import type { ModelInput } from '../../contracts/dataset.js';
import { predictionColumns, predictionWidth } from '../../ml/batch/output-columns.js';
import { withDataSession } from '../../ml/data/duckdb-session.js';
import { identifier, pathLiteral, textLiteral } from '../../ml/data/sql-quoting.js';
import { firstLoggedOutput, maxEntryBytes, type SegmentHeader } from './logged-version.js';
import { segmentToLines } from './read-segment.js';

/** What a log says of each row beside inputs and outputs. */
export const logColumns = ['request_id', 'row', 'time', 'model', 'version', 'latency_ms'] as const;

export interface LoggedRows {
  readonly rows: number;
  /** Of the first and the last request, milliseconds since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Write the requests of segments of one version as one Parquet file (zstd), a row for each row: `logColumns`, `input_<column>`,
 * the columns of predictions as a batch job writes them, `anomaly`, `anomalous`: whether the version's policy takes the row for such,
 * and `degraded`: what answered where the version did not.
 *
 * A request that was cut off, the last one of a process that was killed, is passed over. Blocks its thread for as long as it takes to
 * write the requests as text. Safe to repeat.
 *
 * @returns undefined when there is no row; the file is then empty
 */
export async function segmentsToParquet(
  segments: readonly string[],
  header: SegmentHeader,
  path: string,
  scratchRoot: string,
): Promise<LoggedRows | undefined> {
  const { model, version, manifest } = header;
  const { inputs, task } = manifest;
  const outputs = Array.from({ length: predictionWidth(manifest) }, (_, k) => k).slice(firstLoggedOutput(manifest));
  const hasChoice = task === 'binary' || task === 'multiclass';
  const logged = inputs.flatMap((input, i) => (input.type === 'uint8' ? [] : [{ input, i }]));
  const types = [
    `r: 'VARCHAR', t: 'BIGINT', l: 'DOUBLE', p: 'INTEGER', n: 'INTEGER', c: 'INTEGER[]', a: 'FLOAT[]', f: 'BOOLEAN[]', d: 'VARCHAR[]'`,
    ...logged.map(({ input, i }) => `i${i}: '${jsonType(input)}[]'`),
    ...outputs.map((k) => `o${k}: 'FLOAT[]'`),
  ];
  const lists = [
    ...logged.map(({ i }) => `unnest(i${i}) AS i${i}`),
    ...(hasChoice ? ['unnest(c) AS choice'] : []),
    ...outputs.map((k) => `unnest(o${k}) AS p${k}`),
    // Of a line without them nothing.
    'unnest(a) AS anomaly',
    'unnest(f) AS anomalous',
    'unnest(d) AS degraded',
  ];
  const selected = [
    'r AS request_id',
    'place AS "row"',
    'epoch_ms(t) AS "time"',
    `${textLiteral(model)} AS model`,
    `${textLiteral(version)} AS version`,
    'l AS latency_ms',
    ...logged.map(({ input, i }) => `${natural(input, `i${i}`)} AS ${identifier(`input_${input.name}`)}`),
    ...predictionColumns(manifest).map(({ name, sql }) => `${sql} AS ${identifier(name)}`),
    'anomaly',
    'anomalous',
    'degraded',
  ];
  return withDataSession({ scratchRoot, memoryLimitBytes: 256 << 20 }, async (session) => {
    const paths = segments.map((_, i) => join(session.scratch, `${i}.jsonl`));
    for (const [i, segment] of segments.entries()) await segmentToLines(segment, header, paths[i]);
    const lines = `read_json([${paths.map(pathLiteral).join(', ')}], format = 'newline_delimited', columns = {${types.join(', ')}}, maximum_object_size = ${2 * maxEntryBytes})`;
    // In one pass: a table between the lines and the file would cost as much as both.
    const requests = `SELECT r, t, l, p + unnest(range(n)) AS place, ${lists.join(', ')} FROM ${lines} WHERE r IS NOT NULL`;
    await session.run(`COPY (SELECT ${selected.join(', ')} FROM (${requests})) TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
    const [{ rows, from, until }] = await session.rows(
      `SELECT count(*) AS rows, epoch_ms(min("time")) AS "from", epoch_ms(max("time")) AS until FROM read_parquet(${pathLiteral(path)})`,
    );
    if (Number(rows) === 0) return undefined;
    return { rows: Number(rows), fromMs: Number(from), untilMs: Number(until) };
  });
}

function jsonType({ type }: ModelInput): string {
  return type === 'string' ? 'VARCHAR' : type === 'int64' ? 'BIGINT' : 'DOUBLE';
}

/** A raw input in the type of its column. */
function natural({ columnType }: ModelInput, value: string): string {
  if (columnType === 'timestamp') return `epoch_ms(${value})`;
  if (columnType === 'integer') return `CAST(${value} AS BIGINT)`;
  return columnType === 'boolean' ? `${value} <> 0` : value;
}
