import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { textLiteral } from '../../ml/data/sql-quoting.js';
import type { Stage } from './measurement.js';

const parquet = '(FORMAT parquet, COMPRESSION zstd)';

/** What somebody would write who uses DuckDB alone: copy; profile and clean; fit, encode and write the three parts. */
export async function runDuckDb(
  source: string,
  directory: string,
  timed: (stage: Stage, work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', temp_directory: join(directory, 'overflow') });
  const connection = await instance.connect();
  const file = (name: string): string => textLiteral(join(directory, `${name}.parquet`));
  try {
    await timed('ingest', () =>
      execute(connection, `COPY (SELECT * FROM read_parquet(${textLiteral(source)})) TO ${file('snapshot')} ${parquet}`),
    );
    await timed('validate', async () => {
      await connection.runAndReadAll(`SUMMARIZE SELECT * FROM read_parquet(${file('snapshot')})`);
      const broken = 'delay < -60 OR distance < 1 OR distance > 6000 OR origin IS NULL OR destination IS NULL OR date IS NULL';
      await execute(
        connection,
        `COPY (SELECT * FROM read_parquet(${file('snapshot')}) WHERE ${broken}) TO ${file('quarantine')} ${parquet}`,
      );
      await execute(
        connection,
        `COPY (SELECT *, delay > 15 AS target FROM read_parquet(${file('snapshot')}) WHERE NOT (${broken})) TO ${file('clean')} ${parquet}`,
      );
    });
    await timed('prepare', () => prepare(connection, file));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

async function prepare(connection: DuckDBConnection, file: (name: string) => string): Promise<void> {
  const clean = `read_parquet(${file('clean')})`;
  const train = "date < TIMESTAMP '2001-05-01'";
  for (const column of ['origin', 'destination'])
    await execute(
      connection,
      `CREATE TYPE ${column}_category AS ENUM (SELECT ${column} FROM ${clean} WHERE ${train} GROUP BY ${column} HAVING count(*) >= 5 ORDER BY count(*) DESC, 1)`,
    );
  const reader = await connection.runAndReadAll(`SELECT avg(distance), stddev_pop(distance) FROM ${clean} WHERE ${train}`);
  const [mean, deviation] = reader.getRows()[0];
  const encoded = [
    ...['origin', 'destination'].map(
      (column) => `coalesce(CAST(enum_code(TRY_CAST(${column} AS ${column}_category)) AS INTEGER) + 2, 1) AS ${column}`,
    ),
    'CAST(hour(date) + 1 AS INTEGER) AS hour, CAST(minute(date) + 1 AS INTEGER) AS minute, CAST(isodow(date) AS INTEGER) AS weekday',
    `CAST((distance - ${String(mean)}) / ${String(deviation)} AS FLOAT) AS distance, CAST(target AS FLOAT) AS target`,
  ].join(', ');
  const parts = { train, validation: "date >= TIMESTAMP '2001-05-01' AND date < TIMESTAMP '2001-06-01'" };
  for (const [name, condition] of Object.entries(parts))
    await execute(
      connection,
      `COPY (SELECT ${encoded} FROM ${clean} WHERE ${condition}) TO ${file(name)} (FORMAT parquet, COMPRESSION uncompressed)`,
    );
  await execute(
    connection,
    `COPY (SELECT * FROM ${clean} WHERE date >= TIMESTAMP '2001-06-01' AND date < TIMESTAMP '2001-07-01') TO ${file('test')} ${parquet}`,
  );
}

async function execute(connection: DuckDBConnection, sql: string): Promise<void> {
  await connection.run(sql);
}
