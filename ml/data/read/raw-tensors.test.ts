import { describe, expect, it } from '@jest/globals';
import type { RawInput } from '../../../contracts/dataset.js';
import { AnnealError } from '../../../contracts/failures.js';
import { rowsToTensors } from './raw-tensors.js';

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: false },
  { name: 'distance', type: 'int64', columnType: 'integer', nullable: false },
  { name: 'seats', type: 'float64', columnType: 'integer', nullable: true },
  { name: 'load', type: 'float64', columnType: 'float', nullable: true },
  { name: 'late', type: 'int64', columnType: 'boolean', nullable: false },
  { name: 'date', type: 'int64', columnType: 'timestamp', nullable: true },
];
const row = { origin: 'SFO', distance: 2176, seats: 150, load: 0.5, late: true, date: '2001-06-01T12:00:00Z' };

function failureOf(work: () => unknown): AnnealError {
  try {
    work();
  } catch (error) {
    if (error instanceof AnnealError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('rowsToTensors', () => {
  it('gives one column of shape [N, 1] for each input', () => {
    const tensors = rowsToTensors(inputs, [row, { ...row, origin: 'JFK', late: 0 }]);
    expect(Object.keys(tensors)).toEqual(inputs.map((input) => input.name));
    expect(tensors.origin).toEqual({ type: 'string', data: ['SFO', 'JFK'], dims: [2, 1] });
    expect(tensors.distance).toEqual({ type: 'int64', data: BigInt64Array.of(2176n, 2176n), dims: [2, 1] });
    expect(tensors.late.data).toEqual(BigInt64Array.of(1n, 0n));
    expect(tensors.load).toEqual({ type: 'float64', data: Float64Array.of(0.5, 0.5), dims: [2, 1] });
  });

  it('writes missing values as the graph expects them', () => {
    const tensors = rowsToTensors(inputs, [{ origin: 'SFO', distance: 1, late: false, seats: null, load: Number.NaN }]);
    expect(tensors.seats.data).toEqual(Float64Array.of(Number.NaN));
    expect(tensors.load.data).toEqual(Float64Array.of(Number.NaN));
    expect(tensors.date.data).toEqual(BigInt64Array.of(-(2n ** 63n)));
    const nullableText = { name: 'gate', type: 'string', columnType: 'string', nullable: true } as const;
    expect(rowsToTensors([nullableText], [{}]).gate.data).toEqual(['']);
  });

  it.each([
    ['2001-06-01T12:00:00Z', 991_396_800_000n],
    ['2001-06-01T12:00', 991_396_800_000n],
    ['2001-06-01 14:00:00.000+02:00', 991_396_800_000n],
    ['2001-06-01', 991_353_600_000n],
    ['1969-12-31T23:59:59.999999Z', -1n],
    ['0001-01-01', -62_135_596_800_000n],
    [991_396_800_000, 991_396_800_000n],
  ])('reads the timestamp %p in UTC', (date, expected) => {
    expect(rowsToTensors(inputs, [{ ...row, date }]).date.data).toEqual(BigInt64Array.of(expected));
  });

  it.each([
    ['origin', 7, /"origin" must be a string.*an integer was sent/],
    ['origin', '', /"origin".*an empty string was sent/],
    ['origin', null, /"origin".*null was sent/],
    ['origin', 'SF\0O', /"origin".*NUL/],
    ['distance', '2176', /"distance" must be an integer.*a string was sent/],
    ['distance', 1.5, /"distance".*not an integer was sent/],
    ['distance', 2 ** 53, /"distance".*within/],
    ['distance', undefined, /"distance".*it is missing/],
    ['seats', 'many', /"seats".*or null.*a string was sent/],
    ['load', Number.POSITIVE_INFINITY, /"load" must be a finite number.*not finite was sent/],
    ['late', 'yes', /"late" must be true, false, 1 or 0/],
    ['late', 2, /"late".*an integer was sent/],
    ['date', 'tomorrow', /"date" must be an ISO 8601/],
    ['date', '2001-02-30', /"date" must be an ISO 8601/],
    ['date', '2001-06-01T24:00', /"date" must be an ISO 8601/],
    ['date', { year: 2001 }, /"date".*an object was sent/],
    ['date', [1], /"date".*an array was sent/],
  ])('refuses %s = %p, naming row, column and what was expected', (column, value, message) => {
    const failure = failureOf(() => rowsToTensors(inputs, [row, { ...row, [column]: value }]));
    expect(failure.type).toBe('InvalidRequest');
    expect(failure.message).toMatch(/^Row 1: /);
    expect(failure.message).toMatch(message);
    expect(failure.details).toEqual({ row: 1, column });
  });

  it('repeats nothing of what was sent but its type', () => {
    const failure = failureOf(() => rowsToTensors(inputs, [{ ...row, distance: 'my secret' }]));
    expect(failure.message).not.toContain('secret');
  });

  it('says of a missing column that a key is spelt almost so, without repeating the key', () => {
    const { distance, ...others } = row;
    const { message } = failureOf(() => rowsToTensors(inputs, [{ ...others, distanec: distance }]));
    expect(message).toMatch(/"distance" must be .*, but it is missing; the row has a key that is spelt almost so\./);
    expect(message).not.toContain('distanec');
  });

  it.each([[null], ['SFO'], [['SFO']], [3]])('refuses the row %p', (value) => {
    expect(failureOf(() => rowsToTensors(inputs, [value])).message).toMatch(/^Row 0 is .*object with a value by column name/);
  });

  it('reads a row’s own keys only, whatever they are called', () => {
    const strange = ['constructor', '__proto__'].map((name) => ({ name, type: 'string', columnType: 'string', nullable: true }) as const);
    const tensors = rowsToTensors(strange, [{}, JSON.parse('{"__proto__": "x", "constructor": "y"}')]);
    expect(Object.entries(tensors).map(([name, tensor]) => [name, tensor.data])).toEqual([
      ['constructor', ['', 'y']],
      ['__proto__', ['', 'x']],
    ]);
  });
});
