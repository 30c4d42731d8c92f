import { describe, expect, test } from '@jest/globals';
import type { RawInput } from '../../contracts/dataset.js';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import { tensorsToColumns } from './oip-input.js';
import { checkTensorValues } from './tensor-values.js';
import type { Column } from '../tensors.js';

const text: RawInput = { name: 'x', type: 'string', columnType: 'string', nullable: false };
const integer: RawInput = { name: 'x', type: 'int64', columnType: 'integer', nullable: false };
const time: RawInput = { name: 'x', type: 'int64', columnType: 'timestamp', nullable: true };
const optional: RawInput = { name: 'x', type: 'float64', columnType: 'integer', nullable: true };
const float: RawInput = { name: 'x', type: 'float64', columnType: 'float', nullable: true };

describe('values of tensors', () => {
  test.each<[RawInput, Column]>([
    [text, ['a', ' ']],
    [{ ...text, nullable: true }, ['', 'a']],
    [integer, BigInt64Array.of(0n, -(2n ** 53n) + 1n)],
    [{ ...integer, columnType: 'boolean' }, BigInt64Array.of(0n, 1n)],
    [time, BigInt64Array.of(missingTimestamp, 992_626_200_000n)],
    [optional, Float64Array.of(181, Number.NaN)],
    [float, Float64Array.of(181.5, 1e300)],
  ])('that rows may have are taken: %#', (input, column) => {
    expect(() => checkTensorValues(input, column)).not.toThrow();
  });

  test('of true and false come as such in JSON, as 0 and 1, and as nothing else', () => {
    const inputs: RawInput[] = [{ ...integer, columnType: 'boolean', nullable: true }];
    const read = (data: unknown[]) =>
      tensorsToColumns(inputs, [{ name: 'x', shape: [data.length], datatype: 'BOOL', data }], 10).columns[0];
    expect(read([true, false, null, 1])).toEqual(BigInt64Array.of(1n, 0n, missingTimestamp, 1n));
    expect(() => read([true, 'yes'])).toThrow('Row 1 of the input "x" must be true or false, or null, but a string was sent.');
    const numbers = [{ name: 'x', shape: [1], datatype: 'INT64', data: [true] }];
    expect(() => tensorsToColumns([integer], numbers, 10)).toThrow('must be an integer');
  });

  test.each([
    ['UINT8', 300, 'from 0 to 255, as UINT8 holds them'],
    ['INT8', -129, 'from -128 to 127'],
    ['INT32', 1.5, 'from -2147483648 to 2147483647'],
  ])('that %s does not hold are refused in JSON: %d', (datatype, given, message) => {
    const read = (value: number) => tensorsToColumns([float], [{ name: 'x', shape: [2], datatype, data: [null, value] }], 10).columns[0];
    expect(() => read(given)).toThrow(`Row 1 of the input "x" must be an integer ${message}`);
    expect(read(7)).toEqual(Float64Array.of(Number.NaN, 7));
  });

  test.each<[RawInput, Column, string]>([
    [text, ['a', ''], 'Row 1 of the input "x" must be a text that is not empty: that stands for a missing one.'],
    [{ ...text, nullable: true }, ['a\0b'], 'Row 0 of the input "x" must be a text without a NUL character, or missing.'],
    [integer, BigInt64Array.of(2n ** 53n), 'must be an integer within ±(2^53 − 1), beyond which numbers lose their last digits.'],
    [{ ...integer, columnType: 'boolean' }, BigInt64Array.of(2n), 'must be 0 or 1.'],
    [{ ...time, nullable: false }, BigInt64Array.of(missingTimestamp), 'must be milliseconds since 1970'],
    [
      optional,
      Float64Array.of(1, 181.5),
      'Row 1 of the input "x" must be an integer within ±(2^53 − 1), beyond which numbers lose their last digits, or missing.',
    ],
    [optional, Float64Array.of(1e300), 'must be an integer'],
    [{ ...optional, columnType: 'boolean' }, Float64Array.of(0.5), 'must be 0 or 1'],
  ])('that rows may not have are refused: %#', (input, column, message) => {
    expect(() => checkTensorValues(input, column)).toThrow(message);
  });
});
