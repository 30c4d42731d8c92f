import { describe, expect, test } from '@jest/globals';
import type { ModelInput, RawInput } from '../../contracts/dataset.js';
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

  test('of BOOL are true and false in JSON, and nothing else', () => {
    const inputs: RawInput[] = [{ ...integer, columnType: 'boolean', nullable: true }];
    const read = (data: unknown[]) =>
      tensorsToColumns(inputs, [{ name: 'x', shape: [data.length], datatype: 'BOOL', data }], 10).columns[0];
    expect(read([true, false, null])).toEqual(BigInt64Array.of(1n, 0n, missingTimestamp));
    const expected = 'Row 1 of the input "x" must be true or false, as BOOL holds them, or null, but';
    expect(() => read([true, 'yes'])).toThrow(`${expected} a string was sent.`);
    expect(() => read([true, 1])).toThrow(`${expected} an integer was sent.`);
  });

  test.each<[string, RawInput, string]>([
    ['UINT8', float, 'an integer from 0 to 255'],
    ['INT64', integer, 'an integer'],
    ['INT64', { ...integer, columnType: 'boolean' }, 'an integer'],
    ['FP64', { ...float, columnType: 'boolean' }, 'a number'],
    ['FP32', float, 'a number'],
    ['BYTES', text, 'a string'],
  ])('of %s are neither true nor false in JSON: %#', (datatype, input, expected) => {
    for (const nested of [false, true]) {
      const data = [datatype === 'BYTES' ? 'a' : 1, true].map((value) => (nested ? [value] : value));
      const tensors = [{ name: 'x', shape: nested ? [2, 1] : [2], datatype, data }];
      expect(() => tensorsToColumns([input], tensors, 10)).toThrow(
        `Row 1 of the input "x" must be ${expected}, as ${datatype} holds them${input.nullable ? ', or null' : ''}, but a boolean was sent.`,
      );
    }
  });

  test('of an image are numbers', () => {
    const image: ModelInput = {
      name: 'x',
      type: 'uint8',
      columnType: 'image',
      nullable: false,
      height: 1,
      width: 2,
      channels: 1,
      range: [0, 1],
    };
    const tensors = [{ name: 'x', shape: [1, 1, 2, 1], datatype: 'UINT8', data: [true, 1] }];
    expect(() => tensorsToColumns([image], tensors, 10)).toThrow('must be numbers from 0 to 255');
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
