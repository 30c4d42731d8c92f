import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { tinyManifest } from '../testing/tiny-bundle.js';
import { inferenceServiceName } from './grpc-server.js';
import { readInferRequest, type InferRequestMessage } from './infer-messages.js';
import { loadService } from './service-definition.js';

const { ModelInfer } = loadService('./inference.proto', inferenceServiceName);
/** Through the wire format and back. */
const sent = (message: object) => ModelInfer.requestDeserialize(ModelInfer.requestSerialize(message)) as InferRequestMessage;

describe('readInferRequest', () => {
  it('makes the same columns of raw bytes and of typed contents, to the last digit', () => {
    const rows = fc.array(
      fc.tuple(fc.bigInt(-8_640_000_000_000_000n, 8_640_000_000_000_000n), fc.double({ noDefaultInfinity: true, noNaN: true })),
      {
        minLength: 1,
        maxLength: 9,
      },
    );
    fc.assert(
      fc.property(rows, (values) => {
        const dates = BigInt64Array.from(values, ([date]) => date);
        const distances = Float64Array.from(values, ([, distance]) => distance);
        const long = (value: bigint) => ({ low: Number(BigInt.asIntN(32, value)), high: Number(value >> 32n), unsigned: false });
        const date = { name: 'date', datatype: 'INT64', shape: [values.length, 1] };
        const distance = { name: 'distance', datatype: 'FP64', shape: [values.length] };
        const typed = sent({
          inputs: [
            { ...distance, contents: { fp64_contents: distances } },
            { ...date, contents: { int64_contents: Array.from(dates, long) } },
          ],
        });
        const raw = sent({ inputs: [distance, date], raw_input_contents: [Buffer.from(distances.buffer), Buffer.from(dates.buffer)] });
        const expected = [values.map(() => ''), dates, distances];
        for (const request of [typed, raw]) expect(readInferRequest(request, tinyManifest, 50).batch.columns).toEqual(expected);
      }),
    );
  });

  it('never does worse than refuse what a client makes up', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('BYTES', 'INT64', 'FP64', 'FP16', ''), (bytes, datatype) => {
        const name = datatype === 'BYTES' ? 'origin' : datatype === 'INT64' ? 'date' : 'distance';
        const request = sent({ inputs: [{ name, datatype, shape: [bytes.length >> 3] }], raw_input_contents: [bytes] });
        expect(() => readInferRequest(request, tinyManifest, 50)).toThrow(expect.objectContaining({ status: 400 }));
      }),
    );
  });
});
