import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RawInput } from '../../contracts/dataset.js';
import { bytesToColumn, integersToBytes } from './binary-tensor.js';

const text: RawInput = { name: 'x', type: 'string', columnType: 'string', nullable: true };
const integer: RawInput = { name: 'x', type: 'int64', columnType: 'integer', nullable: false };
const float: RawInput = { name: 'x', type: 'float64', columnType: 'float', nullable: true };

/** The bytes, at an address that no element may begin at. */
function misaligned(bytes: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  return shifted.subarray(1);
}
const bytesOf = (values: ArrayBufferView) => misaligned(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
const lengthPrefixed = (texts: readonly (string | Buffer)[]) =>
  misaligned(
    Buffer.concat(
      texts.flatMap((each) => {
        const length = Buffer.alloc(4);
        length.writeUInt32LE(Buffer.byteLength(each));
        return [length, Buffer.from(each as string)];
      }),
    ),
  );

describe('bytesToColumn', () => {
  it.each([
    ['INT8', Int8Array.of(-128, 127)],
    ['UINT8', Uint8Array.of(0, 255)],
    ['INT16', Int16Array.of(-32_768, 32_767)],
    ['UINT16', Uint16Array.of(0, 65_535)],
    ['INT32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
    ['UINT32', Uint32Array.of(0, 2 ** 32 - 1)],
    ['BOOL', Uint8Array.of(0, 1)],
  ])('takes %s for integers and for numbers, at any address', (datatype, values) => {
    expect(bytesToColumn(integer, datatype, bytesOf(values), 2)).toEqual(BigInt64Array.from(values, BigInt));
    expect(bytesToColumn(float, datatype, bytesOf(values), 2)).toEqual(Float64Array.from(values));
  });

  it('keeps every digit of INT64, FP64 and FP32', () => {
    const wide = BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n));
    expect(bytesToColumn(integer, 'INT64', bytesOf(wide), 2)).toEqual(wide);
    expect(bytesToColumn(float, 'INT64', bytesOf(BigInt64Array.of(-3n)), 1)).toEqual(Float64Array.of(-3));
    expect(bytesToColumn(float, 'FP64', bytesOf(Float64Array.of(0.1, Number.NaN)), 2)).toEqual(Float64Array.of(0.1, Number.NaN));
    expect(bytesToColumn(float, 'FP32', bytesOf(Float32Array.of(0.1)), 1)).toEqual(Float64Array.of(Math.fround(0.1)));
  });

  // numpy: [numpy.frombuffer(h.to_bytes(2, 'little'), 'float16') for h in …]
  it('reads half precision as numpy does', () => {
    const halves = Uint16Array.of(0x3c00, 0xc500, 0x2e66, 0x0001, 0x03ff, 0x7bff, 0x8000, 0x7e00);
    const expected = Float64Array.of(1, -5, 0.0999755859375, 2 ** -24, 1023 * 2 ** -24, 65_504, -0, Number.NaN);
    expect(bytesToColumn(float, 'FP16', bytesOf(halves), 8)).toEqual(expected);
  });

  it('reads any texts back, and refuses any cut of them', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 8 }), fc.nat(), (texts, n) => {
        const bytes = lengthPrefixed(texts);
        expect(bytesToColumn(text, 'BYTES', bytes, texts.length)).toEqual(texts);
        expect(() => bytesToColumn(text, 'BYTES', bytes.subarray(0, n % bytes.length), texts.length)).toThrow('UTF-8 behind its length');
        expect(() => bytesToColumn(text, 'BYTES', bytes, texts.length - 1)).toThrow('there are more bytes');
      }),
    );
  });

  it('refuses text that is not UTF-8, sizes that do not fit, and numbers that are not finite', () => {
    expect(() => bytesToColumn(text, 'BYTES', lengthPrefixed(['a', Buffer.of(0xff)]), 2)).toThrow('text 1 is not UTF-8');
    expect(() => bytesToColumn(float, 'FP64', new Uint8Array(9), 1)).toThrow('9 bytes of data, but its shape and datatype say 1 × 8');
    expect(() => bytesToColumn(float, 'FP32', bytesOf(Float32Array.of(1, Infinity)), 2)).toThrow('Row 1 of the input "x"');
    expect(() => bytesToColumn({ ...float, nullable: false }, 'FP64', bytesOf(Float64Array.of(Number.NaN)), 1)).toThrow('Row 0');
  });
});

describe('integersToBytes', () => {
  it('widens to 64 bits with the sign', () => {
    expect(new BigInt64Array(new Uint8Array(integersToBytes(Int32Array.of(1, -1, -(2 ** 31)))).buffer)).toEqual(
      BigInt64Array.of(1n, -1n, -(2n ** 31n)),
    );
  });
});
