import type { Row } from './model.js';

/** A request's body with the headers that it needs. */
export interface BinaryBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

/** The same rows as `…/infer` takes them with tensors as bytes, and asking for bytes: what `tritonclient.http` sends. */
export function binaryTensors(rows: readonly Row[]): BinaryBody {
  const numbers = (values: Float64Array | BigInt64Array): Buffer => Buffer.from(values.buffer);
  const columns = [
    { name: 'origin', datatype: 'BYTES', bytes: texts(rows.map((row) => row.origin)) },
    { name: 'destination', datatype: 'BYTES', bytes: texts(rows.map((row) => row.destination)) },
    { name: 'distance', datatype: 'FP64', bytes: numbers(Float64Array.from(rows, (row) => row.distance)) },
    { name: 'date', datatype: 'INT64', bytes: numbers(BigInt64Array.from(rows, (row) => BigInt(row.date))) },
  ];
  const json = Buffer.from(
    JSON.stringify({
      inputs: columns.map(({ name, datatype, bytes }) => ({
        name,
        datatype,
        shape: [rows.length, 1],
        parameters: { binary_data_size: bytes.length },
      })),
      parameters: { binary_data_output: true },
    }),
  );
  return {
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(json.length) },
    bytes: Buffer.concat([json, ...columns.map(({ bytes }) => bytes)]),
  };
}

/** Each behind its length in four bytes. */
function texts(values: readonly string[]): Buffer {
  return Buffer.concat(
    values.flatMap((value) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(value));
      return [length, Buffer.from(value)];
    }),
  );
}
