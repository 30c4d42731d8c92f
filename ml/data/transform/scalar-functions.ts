import {
  BLOB,
  DOUBLE,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBValue,
  UINTEGER,
  VARCHAR,
  blobValue,
} from '@duckdb/node-api';
import type { Knots } from '../../../contracts/fitted-feature.js';
import { murmurHash } from './murmur-hash.js';
import { piecewise } from './piecewise.js';
import { type TextParameters, textVector } from './text-counts.js';

/**
 * Give a connection the functions that SQL lacks. They run in JavaScript, at about a million values a second.
 *
 * `anneal_murmur3(text)` UINTEGER; `anneal_piecewise(x, knots)` DOUBLE; `anneal_text(text, parameters)` BLOB of float32.
 * Parameters are JSON, constant within a query. NULL gives NULL.
 */
export function registerScalarFunctions(connection: DuckDBConnection): void {
  const register = (name: string, parameterTypes: DuckDBType[], returnType: DuckDBType, compute: Compute) =>
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes,
        returnType,
        mainFunction: (_, input, output) => {
          const value = compute(input);
          const { rowCount } = input;
          const values = input.getColumnVector(0);
          for (let row = 0; row < rowCount; row += 1) {
            const first = values.getItem(row);
            // The vectors' types are declared for reading, and accept what their column's type holds.
            (output as { setItem?: (row: number, value: DuckDBValue) => void }).setItem!(row, first === null ? null : value(first));
          }
          output.flush();
        },
      }),
    );
  const knots = lastParsed<Knots>();
  const text = lastParsed<TextParameters>();
  register('anneal_murmur3', [VARCHAR], UINTEGER, () => (value) => murmurHash(value as string));
  register('anneal_piecewise', [DOUBLE, VARCHAR], DOUBLE, (input) => {
    const parameters = knots(input);
    return (value) => piecewise(parameters, value as number);
  });
  register('anneal_text', [VARCHAR, VARCHAR], BLOB, (input) => {
    const parameters = text(input);
    const { buckets } = parameters;
    // One piece of memory for the whole chunk.
    const vectors = new Float32Array(input.rowCount * buckets);
    let row = 0;
    return (value) => {
      const vector = vectors.subarray(row * buckets, ++row * buckets);
      textVector(value as string, parameters, vector);
      return blobValue(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
    };
  });
}

type Compute = (input: DuckDBDataChunk) => (value: DuckDBValue) => DuckDBValue;

/** Reads the second argument of a chunk; consecutive chunks mostly say the same. */
function lastParsed<T>(): (input: DuckDBDataChunk) => T {
  let json: string | undefined;
  let parsed: T;
  return (input) => {
    const found = input.getColumnVector(1).getItem(0) as string;
    if (found !== json) [json, parsed] = [found, JSON.parse(found) as T];
    return parsed;
  };
}
