import { tmpdir } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FittedFeature, FittedTransform, RawInput } from '../../../contracts/dataset.js';
import { GraphBuilder } from '../../graph/onnx-builder.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { missingTimestamp } from '../read/missing-timestamp.js';
import { identifier, numberLiteral, textLiteral } from '../sql-quoting.js';
import { encodedNumbers } from '../transform/encoded-numbers.js';
import type { NumberSql } from '../transform/transform-kind.js';
import { encodedColumns, layoutOf, lowerTransform } from '../transform/transform-kinds.js';

/** A raw row: undefined = missing. */
type Row = Readonly<Record<string, string | bigint | number | undefined>>;

const inputs: readonly RawInput[] = [
  { name: 'text "; DROP', type: 'string', columnType: 'string', nullable: true },
  { name: 'integer', type: 'int64', columnType: 'integer', nullable: false },
  { name: 'maybe integer', type: 'float64', columnType: 'integer', nullable: true },
  { name: 'float', type: 'float64', columnType: 'float', nullable: true },
  { name: 'flag', type: 'float64', columnType: 'boolean', nullable: true },
  { name: 'time', type: 'int64', columnType: 'timestamp', nullable: true },
];
const [text, integer, maybeInteger, float, flag, time] = inputs.map((input) => input.name);

const words = ['SFO', "O'Hare", '"', 'ñandú', '日本', '🛫', ' ', 'null', '0', 'to SFO, to sfo', '\u0001a-B_c\u007fÑ d\u00a0e', ' . '];
const sqlTypes = { string: 'VARCHAR', int64: 'BIGINT', float64: 'DOUBLE' } as const;
const int64 = fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n });
const smallInteger = fc.integer({ min: -3, max: 12 });
const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 4 });
/** DuckDB's calendar ends near ±290,000 years. */
const milliseconds = fc.oneof(
  fc.bigInt({ min: -9_000_000_000_000_000n, max: 9_000_000_000_000_000n }),
  fc.date({ min: new Date('1890-01-01'), max: new Date('2110-01-01'), noInvalidDate: true }).map((date) => BigInt(date.getTime())),
  fc.constantFrom(-1n, 0n, 1n, -86_400_000n, 951_782_400_000n, 951_868_799_999n, -62_135_596_800_001n),
);

const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  [text]: nullable(
    fc.oneof(
      fc.constantFrom(...words),
      fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => !s.includes('\0')),
    ),
  ),
  [integer]: fc.oneof(smallInteger.map(BigInt), int64),
  [maybeInteger]: nullable(
    fc.oneof(smallInteger, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(2 ** 63, -(2 ** 63), 1.5)),
  ),
  [float]: nullable(
    fc.oneof(fc.double({ noDefaultInfinity: false }), fc.float().map(Number), fc.constantFrom(Number.MAX_VALUE, -0, 5e-324)),
  ),
  [flag]: nullable(fc.constantFrom(0, 1)),
  [time]: nullable(milliseconds),
});

const categories: Readonly<Record<string, fc.Arbitrary<readonly string[]>>> = {
  [text]: fc.uniqueArray(fc.oneof(fc.constantFrom(...words), fc.string({ minLength: 1 })), { maxLength: 300 }),
  [integer]: fc.uniqueArray(fc.oneof(smallInteger.map(String), int64.map(String)), { maxLength: 12 }),
  [maybeInteger]: fc.uniqueArray(smallInteger.map(String), { maxLength: 12 }),
  [flag]: fc.constantFrom(['0', '1'], ['1'], []),
};

const parts = ['month', 'quarter', 'dayOfMonth', 'dayOfWeek', 'dayOfYear', 'weekOfYear', 'hour', 'minute'] as const;
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const knots = fc
  .uniqueArray(fc.double({ min: -1e150, max: 1e150, noNaN: true }), { minLength: 1, maxLength: 20, comparator: (a, b) => a === b })
  .chain((x) =>
    fc.record({
      x: fc.constant(x.map((value) => value + 0).toSorted((a, b) => a - b)),
      y: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: x.length, maxLength: x.length }),
    }),
  );
const curve = fc.oneof(
  fc.constant(undefined),
  fc.constant({ kind: 'log' as const }),
  knots.map((found) => ({ kind: 'piecewise' as const, ...found })),
);
const categorized = fc.constantFrom(text, integer, maybeInteger, flag);

const featureArbitrary: fc.Arbitrary<FittedFeature> = fc.oneof(
  fc.record({ encoding: fc.constantFrom(undefined, 'one-hot' as const), input: categorized }).chain(({ encoding, input }) =>
    categories[input].map((vocabulary): FittedFeature => ({
      kind: 'categorical',
      name: '',
      input,
      vocabulary,
      dimension: 'auto',
      encoding,
    })),
  ),
  fc
    .record({ input: categorized, buckets: fc.constantFrom(2, 7, 1024) })
    .map(({ input, buckets }): FittedFeature => ({ kind: 'hashing', name: '', input, buckets, dimension: 'auto' })),
  fc.record({ input: categorized, width: fc.constantFrom(1, 3) }).chain(({ input, width }) =>
    categories[input].map((vocabulary): FittedFeature => {
      const value = (row: number, column: number) => Math.fround(Math.sin(7 * row + column));
      const table = Array.from({ length: vocabulary.length + 2 }, (_, row) => Array.from({ length: width }, (__, i) => value(row, i)));
      return { kind: 'target-encoding', name: '', input, vocabulary, columns: table[0].map((_, i) => `column ${i}`), table };
    }),
  ),
  fc
    .record({ part: fc.constantFrom(...parts), encoding: fc.constantFrom(undefined, 'one-hot' as const, 'cyclical' as const) })
    .map(({ part, encoding }): FittedFeature => ({ kind: 'calendar', name: '', input: time, part, dimension: 'auto', encoding })),
  fc
    .record({
      part: fc.constantFrom(...parts, 'year' as const),
      center: fc.double({ min: -3e3, max: 3e3, noNaN: true }),
      scale: fc.double({ min: 0.1, max: 100, noNaN: true }),
    })
    .map((drawn): FittedFeature => ({ kind: 'calendar', name: '', input: time, dimension: 'auto', encoding: 'numeric', ...drawn })),
  fc.record({
    kind: fc.constant('numeric' as const),
    name: fc.constant(''),
    input: fc.constantFrom(integer, maybeInteger, float, flag),
    fill: finite,
    clip: fc.option(
      fc.record(
        { low: fc.double({ min: -1e9, max: 0, noNaN: true }), high: fc.double({ min: 0, max: 1e9, noNaN: true }) },
        { requiredKeys: [] },
      ),
      {
        nil: undefined,
      },
    ),
    curve,
    center: fc.oneof(fc.constant(0), fc.double({ min: -1e6, max: 1e6, noNaN: true })),
    scale: fc.oneof(fc.constant(1), fc.double({ min: 1e-6, max: 1e6, noNaN: true })),
    missingIndicator: fc.boolean(),
  }),
  fc
    .record({
      kind: fc.constant('text' as const),
      name: fc.constant(''),
      input: fc.constant(text),
      buckets: fc.constantFrom(2, 5, 64),
      ngrams: fc.constantFrom(1 as const, 2 as const),
      lowercase: fc.boolean(),
      maxTokens: fc.constantFrom(1, 2, 5, 256),
      inverseDocumentFrequency: fc.constantFrom(
        undefined,
        Array.from({ length: 64 }, (_, i) => 1 + i / 7),
      ),
    })
    .map((drawn): FittedFeature => ({ ...drawn, inverseDocumentFrequency: drawn.inverseDocumentFrequency?.slice(0, drawn.buckets) })),
);

const transformArbitrary: fc.Arbitrary<FittedTransform> = fc.array(featureArbitrary, { minLength: 1, maxLength: 9 }).map((drawn) => {
  const features = drawn.map((feature, i) => ({ ...feature, name: `feature ${i}` }));
  return { formatVersion: 1, inputs, features, layout: layoutOf(features) };
});

interface Encoded {
  readonly categorical?: readonly number[];
  readonly numeric?: readonly number[];
}

async function encodeByGraph(transform: FittedTransform, rows: readonly Row[]): Promise<Encoded> {
  const builder = new GraphBuilder('transform');
  const lowered = lowerTransform(builder, transform);
  if (lowered.categorical) builder.output(lowered.categorical, 'int32', ['N', transform.layout.categorical.length]);
  if (lowered.numeric) builder.output(lowered.numeric, 'float32', ['N', transform.layout.numeric.length]);
  const session = await InferenceSession.create(builder.encode(), { intraOpNumThreads: 1 });
  const feeds = Object.fromEntries(
    transform.inputs.map(({ name, type }) => {
      const values = rows.map((row) => row[name]);
      const dims = [rows.length, 1];
      if (type === 'string')
        return [
          name,
          new Tensor(
            'string',
            values.map((value) => (value ?? '') as string),
            dims,
          ),
        ];
      if (type === 'int64')
        return [name, new Tensor('int64', BigInt64Array.from(values.map((value) => (value ?? missingTimestamp) as bigint)), dims)];
      return [name, new Tensor('float64', Float64Array.from(values.map((value) => (value ?? Number.NaN) as number)), dims)];
    }),
  );
  const outputs = await session.run(feeds);
  const read = (name: string | undefined) => (name === undefined ? undefined : Array.from(outputs[name].data as Int32Array | Float32Array));
  const encoded = { categorical: read(lowered.categorical), numeric: read(lowered.numeric) };
  await session.release();
  return encoded;
}

function sqlValue(value: Row[string]): string {
  if (value === undefined) return 'NULL';
  if (typeof value === 'string') return textLiteral(value);
  return typeof value === 'bigint' ? String(value) : numberLiteral(value);
}

async function encodeBySql(session: DataSession, transform: FittedTransform, rows: readonly Row[]): Promise<Encoded> {
  const columns = transform.inputs.map(({ name, type }, i) => `CAST(c${i} AS ${sqlTypes[type]}) AS ${identifier(name)}`);
  const values = rows.map((row, i) => `(${i}, ${transform.inputs.map(({ name }) => sqlValue(row[name])).join(', ')})`);
  const names = transform.inputs.map((_, i) => `c${i}`);
  await session.run(
    `CREATE OR REPLACE TABLE raw AS SELECT i, ${columns.join(', ')} FROM (VALUES ${values.join(', ')}) AS t(i, ${names.join(', ')})`,
  );
  const encoded = encodedColumns(transform);
  const matrix = async (columns: readonly NumberSql[]) => {
    if (columns.length === 0) return undefined;
    const found = await session.rows(`SELECT ${columns.map(({ sql }, i) => `${sql} AS e${i}`).join(', ')} FROM raw ORDER BY i`);
    return found.flatMap((row) =>
      encodedNumbers(
        columns,
        columns.map((_, i) => row[`e${i}`]),
      ),
    );
  };
  return { categorical: await matrix(encoded.categorical.map((sql) => ({ sql, width: 1 }))), numeric: await matrix(encoded.numeric) };
}

/** Within 1e-6, relative to the larger of the value and 1. */
function isClose(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b));
}

const scratchRoot = tmpdir();

describe('the transform as a graph and as SQL', () => {
  it('agree on random transforms and rows, missing, unseen and extreme values included', async () => {
    await withDataSession({ scratchRoot }, async (session) => {
      await fc.assert(
        fc.asyncProperty(transformArbitrary, fc.array(rowArbitrary, { minLength: 1, maxLength: 30 }), async (transform, rows) => {
          const graph = await encodeByGraph(transform, rows);
          const sql = await encodeBySql(session, transform, rows);
          expect(graph.categorical).toEqual(sql.categorical);
          expect(sql.numeric?.length).toBe(graph.numeric?.length);
          expect(graph.numeric?.filter((value, i) => !isClose(value, sql.numeric![i])) ?? []).toEqual([]);
        }),
        { numRuns: 60 },
      );
    });
  });

  it('keep every index within its embedding and every number finite', async () => {
    await fc.assert(
      fc.asyncProperty(transformArbitrary, fc.array(rowArbitrary, { minLength: 1, maxLength: 30 }), async (transform, rows) => {
        const { categorical = [], numeric = [] } = await encodeByGraph(transform, rows);
        const { layout } = transform;
        const isOutside = (index: number, i: number) => index < 0 || index >= layout.categorical[i % layout.categorical.length].size;
        expect(categorical.filter(isOutside)).toEqual([]);
        expect(numeric.filter((value) => !Number.isFinite(value))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('lowerTransform', () => {
  const calendar = (['month', 'dayOfMonth', 'dayOfWeek', 'hour', 'minute', 'quarter', 'dayOfYear', 'weekOfYear'] as const).map(
    (part): FittedFeature => ({
      kind: 'calendar',
      name: part,
      input: time,
      part,
      dimension: 'auto',
    }),
  );
  const transform: FittedTransform = { formatVersion: 1, inputs: inputs.slice(5), features: calendar, layout: layoutOf(calendar) };
  const parts = async (iso: string | undefined) =>
    (await encodeByGraph(transform, [{ [time]: iso === undefined ? undefined : BigInt(Date.parse(iso)) }])).categorical;

  it.each([
    ['the first millisecond of 1970, a Thursday', '1970-01-01T00:00:00.000Z', [1, 1, 4, 1, 1, 1, 1, 1]],
    ['the last millisecond of 1969, a Wednesday', '1969-12-31T23:59:59.999Z', [12, 31, 3, 24, 60, 4, 365, 1]],
    ['a leap day', '2000-02-29T12:30:00Z', [2, 29, 2, 13, 31, 1, 60, 9]],
    ['a century without a leap day', '1900-03-01T00:00:00Z', [3, 1, 4, 1, 1, 1, 60, 9]],
    ['a Sunday', '2001-04-01T02:30:00Z', [4, 1, 7, 3, 31, 2, 91, 13]],
    ['a missing timestamp', undefined, [0, 0, 0, 0, 0, 0, 0, 0]],
  ])('takes %s apart', async (_, iso, expected) => {
    expect(await parts(iso)).toEqual(expected);
  });

  it('gives equal bytes for equal transforms', () => {
    const bytes = () => {
      const builder = new GraphBuilder('transform');
      lowerTransform(builder, transform);
      return builder.encode();
    };
    expect(Buffer.from(bytes()).equals(Buffer.from(bytes()))).toBe(true);
  });

  it('takes raw columns that are called like its own values', async () => {
    const names = Array.from({ length: 12 }, (_, i) => [`Cast_${i}`, `constant_${i}`, `Sub_${i}`]).flat();
    const numbers = names.map((name): FittedFeature => ({
      kind: 'numeric',
      name,
      input: name,
      fill: 0,
      center: 1,
      scale: 2,
      missingIndicator: false,
    }));
    const columns = names.map((name): RawInput => ({ name, type: 'int64', columnType: 'integer', nullable: false }));
    const encoded = await encodeByGraph({ formatVersion: 1, inputs: columns, features: numbers, layout: layoutOf(numbers) }, [
      Object.fromEntries(names.map((name) => [name, 5n])),
    ]);
    expect(encoded.numeric).toEqual(names.map(() => 2));
  });

  it('names the feature whose input is not there', () => {
    const broken = { ...transform, inputs: [] };
    expect(() => lowerTransform(new GraphBuilder('transform'), broken)).toThrow(/"month".*"time"/);
  });
});
