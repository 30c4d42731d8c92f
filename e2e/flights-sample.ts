import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const flights = fileURLToPath(new URL('../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url));

/** Every twentieth real flight (150,000 of three million), as a Parquet file in `folder`. */
export async function sampleFlights(folder: string): Promise<string> {
  const path = join(folder, 'flights-sample.parquet');
  await query(`COPY (SELECT * FROM read_parquet('${flights}') WHERE file_row_number % 20 = 0) TO '${path}' (FORMAT parquet)`);
  return path;
}

/** Write a variation of the flights: `select` is a query over the table `flights`. */
export async function writeFlights(path: string, select: string): Promise<string> {
  await query(`CREATE VIEW flights AS SELECT * FROM read_parquet('${flights}') LIMIT 2000; COPY (${select}) TO '${path}'`);
  return path;
}

/** A million real flights as CSV, in 20 files of two to three megabytes in a new folder. */
export async function flightsInFiles(folder: string): Promise<void> {
  await mkdir(folder);
  const rows = `SELECT *, file_row_number AS number FROM read_parquet('${flights}', file_row_number = true) WHERE number < 1000000`;
  const copies = Array.from(
    { length: 20 },
    (_, i) =>
      `COPY (SELECT * EXCLUDE (number, file_row_number) FROM (${rows}) WHERE number // 50000 = ${i}) TO '${join(folder, `${String(i).padStart(2, '0')}.csv`)}' (HEADER)`,
  );
  await query(copies.join('; '));
}

async function query(sql: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
