import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FrameWriter, frameBytes, readFromExecutor, readToExecutor } from './executor-frames.js';
import type { FromExecutor, ToExecutor } from './executor-messages.js';
import type { Batch, Column } from '../tensors.js';

const writer = new FrameWriter();

/** As it arrives: in memory of its own, at a multiple of eight bytes. */
function received(message: ToExecutor | FromExecutor): Buffer {
  const frame = writer.write(message);
  expect(frameBytes(frame)).toBe(frame.length);
  return Buffer.from(new Uint8Array(frame).buffer);
}

const batches: fc.Arbitrary<Batch> = fc.integer({ min: 1, max: 20 }).chain((rows) => {
  const many = { minLength: rows, maxLength: rows };
  const column: fc.Arbitrary<Column> = fc.oneof(
    fc.float64Array(many),
    fc.bigInt64Array(many),
    fc.array(fc.string({ unit: 'binary' }), many),
    fc.uint8Array({ minLength: 3 * rows, maxLength: 3 * rows }),
  );
  return fc.record({ rows: fc.constant(rows), columns: fc.array(column, { maxLength: 6 }) });
});

describe('frames of executor processes', () => {
  it('carry batches of every kind of column as they are', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        expect(readToExecutor(received({ kind: 'run', batch }))).toEqual({ kind: 'run', batch });
      }),
    );
  });

  it('carry parts of larger arrays, and texts that are cut in the middle of a character', () => {
    const wide = Float64Array.from({ length: 9 }, (_, i) => i);
    const batch: Batch = { rows: 2, columns: [wide.subarray(3, 5), ['a\ud83d', '\ude00b'], Buffer.from('xyzw').subarray(1, 3)] };
    expect(readToExecutor(received({ kind: 'run', batch }))).toEqual({
      kind: 'run',
      batch: { rows: 2, columns: [Float64Array.of(3, 4), ['a\ud83d', '\ude00b'], new Uint8Array(Buffer.from('yz'))] },
    });
  });

  it('carry outputs, with and without class indices and scores, as copies at any place of memory', () => {
    const values = Float32Array.of(0.25, 0.75, Number.NaN);
    for (const outputs of [
      { values },
      { values, classIndex: Int32Array.of(0, -1, 2) },
      { values, anomaly: Float32Array.of(1) },
      { values, classIndex: Int32Array.of(5), anomaly: Float32Array.of(0.5, 1) },
    ]) {
      const frame = received({ kind: 'outputs', outputs });
      const moved = Buffer.concat([Buffer.from('abc'), frame]).subarray(3);
      const read = readFromExecutor(moved);
      moved.fill(0);
      expect(read).toEqual({ kind: 'outputs', outputs });
    }
  });

  it('carry the other messages', () => {
    const message: FromExecutor = { kind: 'failed', type: 'LoadFailed', message: 'it was not “opened”' };
    expect(readFromExecutor(received(message))).toEqual(message);
    expect(readToExecutor(received({ kind: 'close' }))).toEqual({ kind: 'close' });
  });
});
