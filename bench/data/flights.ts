import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { textLiteral } from '../../ml/data/sql-quoting.js';

/** 3 million flights, January–June 2001; an installed package ships them. */
export const flightsPath = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url));

/**
 * Write the flights so many times over; a copy differs from the others by the second of its departures.
 *
 * @returns how many rows were written
 */
export async function writeFlights(path: string, copies: number): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB' });
  const connection = await instance.connect();
  try {
    const query = `SELECT date + to_seconds(copy) AS date, delay, distance, origin, destination FROM read_parquet(${textLiteral(flightsPath)}), range(${copies}) AS copies(copy)`;
    await connection.run(`COPY (${query}) TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
    const reader = await connection.runAndReadAll(`SELECT count(*) FROM read_parquet(${textLiteral(path)})`);
    return Number(reader.getRows()[0][0]);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
