import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Row } from './rows.js';

/** What one would write first: node:http and onnxruntime-node, one process, one call a request. Usage: bare-server.ts <model.onnx> */

const session = await InferenceSession.create(await readFile(process.argv[2]), { intraOpNumThreads: 1, interOpNumThreads: 1 });
const classes = ['on-time', 'late'];

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    predict(Buffer.concat(chunks).toString()).then(
      (body) => response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body),
      () => response.writeHead(400).end(),
    );
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit(0));

async function predict(text: string): Promise<string> {
  const { instances } = JSON.parse(text) as { instances: Row[] };
  const dims = [instances.length, 1];
  const { probabilities, class_index: classIndex } = await session.run({
    origin: new Tensor(
      'string',
      instances.map((row) => row.origin),
      dims,
    ),
    destination: new Tensor(
      'string',
      instances.map((row) => row.destination),
      dims,
    ),
    distance: new Tensor(
      'float64',
      Float64Array.from(instances, (row) => row.distance),
      dims,
    ),
    date: new Tensor(
      'int64',
      BigInt64Array.from(instances, (row) => BigInt(row.date)),
      dims,
    ),
  });
  const values = probabilities.data as Float32Array; // [N, 2]
  const indices = classIndex.data as BigInt64Array; // [N]
  const predictions = instances.map((_, i) => ({
    label: classes[Number(indices[i])],
    probability: values[2 * i + 1],
    probabilities: { 'on-time': values[2 * i], late: values[2 * i + 1] },
  }));
  return JSON.stringify({ model: 'flights', version: '1', predictions });
}
