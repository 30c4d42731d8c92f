import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RawInput } from '../../contracts/dataset.js';
import { rowsToColumns } from '../../ml/data/read/raw-tensors.js';
import type { Column } from '../tensors.js';
import { PlainRowsReader } from './plain-rows.js';
import { parseJson } from './request-body.js';

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: false },
  { name: 'gate', type: 'string', columnType: 'string', nullable: true },
  { name: 'distance', type: 'int64', columnType: 'integer', nullable: false },
  { name: 'seats', type: 'float64', columnType: 'integer', nullable: true },
  { name: 'load, net', type: 'float64', columnType: 'float', nullable: true },
  { name: 'late', type: 'float64', columnType: 'boolean', nullable: true },
  { name: '__proto__', type: 'int64', columnType: 'timestamp', nullable: true },
];
const maxRows = 40;
const reader = new PlainRowsReader(inputs);

/** What is read without the reader; undefined for what is refused. */
function columnsOf(body: Buffer): Column[] | undefined {
  try {
    const { instances } = parseJson(body) as { instances: unknown[] };
    return instances.length > maxRows ? undefined : rowsToColumns(inputs, instances).map(({ data }) => data);
  } catch {
    return undefined;
  }
}

const plainText = fc.string({ unit: 'grapheme-ascii' }).map((text) => JSON.stringify(text));
const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map((value) => value.toFixed(6)),
  fc.maxSafeInteger().map(String),
  fc.bigInt().map(String),
  fc.stringMatching(/^-?\d{1,18}(\.\d{0,18})?([eE][+-]?\d{1,3})?$/),
  fc.constantFrom('-0', '-0.0', '0.1', '01', '-', '1.', '9007199254740991', '9007199254740992', '-8640000000000000', '1e400', 'NaN'),
);
const valueText = fc.oneof(
  { weight: 4, arbitrary: numberText },
  { weight: 4, arbitrary: plainText },
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('null', 'true', 'false', '""', '"\\u0041"', '"\\u0000"', '"2001-06-01T12:00:00Z"', '[1]', '{"a": 1}', 'nul', '"a\nb"'),
);
/** Mostly what its column takes. */
const fitting: Readonly<Record<RawInput['columnType'], fc.Arbitrary<string>>> = {
  string: plainText,
  integer: fc.maxSafeInteger().map(String),
  float: fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).map((value) => value.toFixed(5)),
  boolean: fc.constantFrom('true', 'false', '0', '1'),
  timestamp: fc.oneof(
    fc.date({ noInvalidDate: true, min: new Date(-6e13), max: new Date(2e14) }).map((date) => JSON.stringify(date)),
    fc.integer({ min: -8.64e15, max: 8.64e15 }).map(String),
  ),
};
const space = fc.constantFrom('', '', '', ' ', '\n  ', '\t', '\r\n');
const member = (name: string, values: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(space, space, space, values, space).map(([a, b, c, value, d]) => `${a}${JSON.stringify(name)}${b}:${c}${value}${d}`);
const rowText = fc
  .tuple(
    fc.tuple(...inputs.map(({ name, columnType }) => member(name, fitting[columnType]))),
    fc.oneof(
      fc.constant([]),
      fc.array(fc.oneof(...inputs.map(({ name }) => member(name, valueText)), member('flight', valueText)), { maxLength: 2 }),
    ),
    fc.subarray(
      inputs.map((_, i) => i),
      { minLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([whole, others, kept, isWhole]) => `{${[...whole.filter((_, i) => isWhole || kept.includes(i)), ...others].join(',')}}`);
const bodyText = fc
  .tuple(space, fc.array(rowText, { minLength: 1, maxLength: 3 }), space, space)
  .map(([a, rows, b, c]) => `${a}{${b}"instances"${c}:${a}[${b}${rows.join(`${c},${a}`)}${b}]${c}}${a}`);

describe('PlainRowsReader', () => {
  it('reads what it takes as JSON.parse and rowsToColumns do, and takes nothing that they refuse', () => {
    let taken = 0;
    fc.assert(
      fc.property(bodyText, (text) => {
        const body = Buffer.from(text);
        const batch = reader.read(body, maxRows);
        if (!batch) return;
        taken++;
        expect(batch.columns).toEqual(columnsOf(body));
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  it('takes nothing of a broken body that they refuse', () => {
    const broken = fc
      .tuple(
        bodyText,
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', '\\', ' ', '\0', 'é'),
      )
      .map(([text, at, removed, added]) => {
        const from = at % text.length;
        return text.slice(0, from) + added + text.slice(from + removed);
      });
    fc.assert(
      fc.property(broken, (text) => {
        const body = Buffer.from(text);
        const batch = reader.read(body, maxRows);
        if (batch) expect(batch.columns).toEqual(columnsOf(body));
      }),
      { numRuns: 2000 },
    );
  });

  it('reads decimal numbers as JSON.parse does, to the last bit', () => {
    const one = new PlainRowsReader([{ name: 'x', type: 'float64', columnType: 'float', nullable: false }]);
    fc.assert(
      fc.property(fc.stringMatching(/^-?(0|[1-9]\d{0,19})(\.\d{1,20})?$/), (text) => {
        expect(one.read(Buffer.from(`{"instances":[{"x":${text}}]}`), 1)?.columns).toEqual([Float64Array.of(JSON.parse(text) as number)]);
      }),
      { numRuns: 2000 },
    );
  });

  const row = { origin: 'SFO', distance: 2176, seats: 150, 'load, net': 0.5, late: true, ['__proto__']: null };
  const members = JSON.stringify({ ...row, flight: 'AA 1' });

  it.each([
    ['without white space', JSON.stringify({ instances: [row, row] })],
    ['as Python writes it', `{"instances": [${members.replaceAll(',"', ', "').replaceAll('":', '": ')}]}`],
    ['over several lines', JSON.stringify({ instances: [row] }, null, 2)],
    ['with its columns in another order', JSON.stringify({ instances: [row, Object.fromEntries(Object.entries(row).reverse()), row] })],
  ])('takes a request %s', (_what, text) => {
    const body = Buffer.from(text);
    const columns = columnsOf(body);
    expect(columns).toBeDefined();
    expect(reader.read(body, maxRows)?.columns).toEqual(columns);
  });

  it.each([
    ['something beside the rows', JSON.stringify({ instances: [row], parameters: {} })],
    ['characters beyond ASCII', JSON.stringify({ instances: [{ ...row, gate: 'ö' }] })],
    ['more rows than are taken', JSON.stringify({ instances: Array.from({ length: maxRows + 1 }, () => row) })],
    ['no rows', '{"instances":[]}'],
    ['nothing', ''],
    ['a beginning', '{"instances":[{"origin":"SF'],
  ])('leaves a body with %s to others', (_what, text) => {
    expect(reader.read(Buffer.from(text), maxRows)).toBeUndefined();
  });

  it('gives each request columns of its own', () => {
    const read = (origin: string) => reader.read(Buffer.from(JSON.stringify({ instances: [{ ...row, origin }] })), maxRows);
    const first = read('SFO');
    read('LAX');
    expect(first?.columns[0]).toEqual(['SFO']);
  });
});
