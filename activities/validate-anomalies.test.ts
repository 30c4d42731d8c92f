import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Anomaly } from '../contracts/dataset.js';
import type { FrozenSchema, PipelineInput } from '../contracts/pipeline.js';
import { acceptDataset } from '../ml/data/validate/accepted-data.js';
import { DataFixture, pipelineOf } from './data-fixture.js';

let fixture: DataFixture;
beforeAll(() => {
  fixture = new DataFixture();
});
afterAll(() => fixture.dispose());

const rows = 3000;
/** A number in [0, 1) that looks random, from the row's number `i` and a salt. */
const noise = (salt: string) => `((hash(i::VARCHAR || '${salt}') % 100000) / 100000.0)`;

/** Rows of a shop: every column on its own is healthy, and none gives the label away. */
const healthy = {
  day: `TIMESTAMP '2024-01-01' + INTERVAL ((i * 7) % 120) DAY`,
  price: `CAST(floor(${noise('price')} * 1000) / 10 AS DOUBLE)`,
  kind: `['book', 'film', 'game'][1 + (hash(i::VARCHAR || 'kind') % 3)::INTEGER]`,
  customer: `'c' || i`,
  spent: `CAST(${noise('spent')} * 50 AS DOUBLE)`,
};
type Columns = Partial<Record<keyof typeof healthy, string>>;

let files = 0;
async function anomaliesOf(columns: Columns, changes: Partial<PipelineInput> = {}, count = rows, more = ''): Promise<Anomaly[]> {
  const selected = Object.entries({ ...healthy, ...columns }).map(([name, sql]) => `${sql} AS "${name}"`);
  const uri = await fixture.parquet(`shop-${files++}.parquet`, `SELECT ${selected.join(', ')} FROM range(${count}) AS t(i) ${more}`);
  const { anomalies } = await fixture.validate(shop(uri, changes));
  return [...anomalies];
}

function shop(uri: string, changes: Partial<PipelineInput> = {}) {
  return pipelineOf(uri, {
    name: 'shop',
    columns: {
      day: { type: 'timestamp' },
      price: { type: 'float', nullable: true },
      kind: { type: 'string', nullable: true },
      customer: { type: 'string' },
      spent: { type: 'float' },
    },
    target: { task: 'binary', name: 'spender', expression: 'spent > 40' },
    features: {
      price: { kind: 'numeric', column: 'price' },
      kind: { kind: 'categorical', column: 'kind' },
      month: { kind: 'calendar', column: 'day', part: 'month' },
    },
    ...changes,
  });
}

const withColumn = (name: string, changes: object): Partial<PipelineInput> => {
  const { columns } = shop('none');
  return { columns: { ...columns, [name]: { ...columns[name], ...changes } } };
};
const expecting = (expectations: PipelineInput['expectations']): Partial<PipelineInput> => ({ expectations });
const frozen = (columns: FrozenSchema['columns']): Partial<PipelineInput> => ({
  schema: { formatVersion: 1, rows: 10_000, columns },
});
const allFrozen = (changes: Record<string, object>): Partial<PipelineInput> => {
  const types = { day: 'TIMESTAMP', price: 'DOUBLE', kind: 'VARCHAR', customer: 'VARCHAR', spent: 'DOUBLE' };
  const columns = Object.entries(types).map(([name, type]) => [name, { type, presence: 'required', ...changes[name] }]);
  return frozen(Object.fromEntries(columns) as FrozenSchema['columns']);
};
const evenKinds = { kind: 'categories', shares: { book: 0.333, film: 0.333, game: 0.333 } };
const evenPrices = { kind: 'histogram', edges: [0, 25, 50, 75, 100], shares: [0.25, 0.25, 0.25, 0.25] };

describe('the anomalies of a data set', () => {
  it('tell of a repeated value far outside of the others, unless it is allowed', async () => {
    const price = `CASE WHEN i % 100 = 0 THEN -9999 ELSE ${healthy.price} END`;
    expect(await anomaliesOf({ price })).toMatchObject([
      {
        severity: 'warn',
        rule: 'suspicious-value',
        column: 'price',
        found: expect.stringMatching(/^-9999 in 1 % of the rows, the others from 0 to 99\.9/),
        rows: 30,
      },
    ]);
    expect(await anomaliesOf({ price }, expecting({ suspicious: { allow: ['price'] } }))).toEqual([]);
    const day = `CASE WHEN i % 50 = 0 THEN TIMESTAMP '1900-01-01' ELSE ${healthy.day} END`;
    expect(await anomaliesOf({ day })).toMatchObject([
      { rule: 'suspicious-value', column: 'day', found: expect.stringMatching(/^1900-01-01 in 2 %/) },
    ]);
  });

  it('tell of a target that numbers of 32 bits round away', async () => {
    const regression = (expression: string): Partial<PipelineInput> => ({ target: { task: 'regression', name: 'spent', expression } });
    const anomalies = await anomaliesOf({}, regression('spent + 1.7e9'));
    expect(anomalies).toContainEqual(
      expect.objectContaining({
        severity: 'error',
        rule: 'target-precision',
        column: 'spent',
        expected: 'a spread of at least 2048, 16 times what tells numbers of 32 bits apart there',
      }),
    );
    for (const expression of ['spent', 'spent - 25', '1e12 * (1 + spent)', '1e-30 * spent', 'spent + 1e6'])
      expect((await anomaliesOf({}, regression(expression))).map(({ rule }) => rule)).not.toContain('target-precision');
  });

  it('tell that validation and test rest on few different rows', async () => {
    const repeated = {
      day: `TIMESTAMP '2024-01-01'`,
      price: 'CAST(i % 20 AS DOUBLE)',
      kind: `'book'`,
      customer: `'c' || (i % 20)`,
      spent: `CAST((i * 7) % 20 * 2.5 AS DOUBLE)`,
    };
    const anomalies = await anomaliesOf(
      repeated,
      expecting({
        duplicates: { severity: 'off' },
        constants: { severity: 'off' },
        leakage: { severity: 'off' },
        targetDrift: { severity: 'off' },
      }),
    );
    const few = anomalies.filter(({ rule }) => rule === 'few-distinct-rows');
    expect(few).toMatchObject([
      { severity: 'warn', found: expect.stringMatching(/^[1-9]\d?, each 150 times on average; copies share a part/) },
      {},
    ]);
  });

  it('are none in healthy data', async () => {
    expect(await anomaliesOf({})).toEqual([]);
    expect(await anomaliesOf({}, allFrozen({ kind: { domain: ['book', 'film', 'game'], distribution: evenKinds } }))).toEqual([]);
  });

  const time = {
    kind: 'time',
    column: 'day',
    train: { from: '2024-01-01', until: '2024-03-01' },
    validation: { from: '2024-03-01', until: '2024-04-01' },
    test: { from: '2024-04-01', until: '2024-05-01' },
  } as const;
  const regression = { task: 'regression', name: 'spending', expression: 'spent' } as const;
  const multiclass = { task: 'multiclass', name: 'band', expression: 'floor(spent / 10)::INTEGER' } as const;

  it.each<[string, Partial<Anomaly> & { readonly rule: string }, Columns, Partial<PipelineInput>, [Columns, Partial<PipelineInput>]]>([
    [
      'copies of rows beyond the limit',
      { rule: 'duplicate-rows', severity: 'warn' },
      { day: `TIMESTAMP '2024-01-01'`, price: '1.0::DOUBLE', kind: `'book'`, customer: `'c'`, spent: '(i % 50)::DOUBLE' },
      expecting({ constants: { severity: 'off' } }),
      [{ customer: `'c' || (i % 2990)`, day: `TIMESTAMP '2024-01-01'`, kind: `'book'` }, expecting({ constants: { severity: 'off' } })],
    ],
    [
      'a key that repeats',
      { rule: 'duplicate-keys', severity: 'error', column: 'customer', rows: 1 },
      { customer: `'c' || (i % 2999)` },
      withColumn('customer', { unique: true }),
      [{}, withColumn('customer', { unique: true })],
    ],
    [
      'a key of the frozen schema that repeats',
      { rule: 'duplicate-keys', severity: 'error', column: 'customer' },
      { customer: `'c' || (i % 2999)` },
      allFrozen({ customer: { unique: true } }),
      [{}, allFrozen({ customer: { unique: true } })],
    ],
    [
      'more missing values than the pipeline allows',
      { rule: 'missing-values', severity: 'error', column: 'price', rows: 300 },
      { price: `CASE WHEN i % 10 > 0 THEN ${healthy.price} END` },
      withColumn('price', { maxMissing: 0.05 }),
      [{ price: `CASE WHEN i % 30 > 0 THEN ${healthy.price} END` }, withColumn('price', { maxMissing: 0.05 })],
    ],
    [
      'more missing values than the frozen schema knows',
      { rule: 'missing-values', severity: 'error', column: 'price' },
      { price: `CASE WHEN i % 10 > 0 THEN ${healthy.price} END` },
      allFrozen({ price: { maxMissing: 0.05 } }),
      [{ price: `CASE WHEN i % 30 > 0 THEN ${healthy.price} END` }, allFrozen({ price: { maxMissing: 0.05 } })],
    ],
    [
      'many values outside the frozen domain',
      { rule: 'domain', severity: 'error', column: 'kind', found: expect.stringContaining('"toy"') as never },
      { kind: `CASE WHEN i % 20 = 0 THEN 'toy' ELSE ${healthy.kind} END` },
      allFrozen({ kind: { domain: ['book', 'film', 'game'] } }),
      [{}, allFrozen({ kind: { domain: ['book', 'film', 'game'] } })],
    ],
    [
      'a few values outside the frozen domain',
      { rule: 'domain', severity: 'warn', column: 'kind', rows: 3 },
      { kind: `CASE WHEN i < 3 THEN 'toy' ELSE ${healthy.kind} END` },
      allFrozen({ kind: { domain: ['book', 'film', 'game'] } }),
      [{ kind: `CASE WHEN i < 3 THEN 'toy' ELSE ${healthy.kind} END` }, allFrozen({ kind: { domain: ['book', 'film', 'game', 'toy'] } })],
    ],
    [
      'values outside the frozen range',
      { rule: 'frozen-range', severity: 'error', column: 'price' },
      { price: `${healthy.price} * 2` },
      allFrozen({ price: { range: { min: 0, max: 100 } } }),
      [{}, allFrozen({ price: { range: { min: 0, max: 100 } } })],
    ],
    [
      'a type that changed',
      { rule: 'type-change', severity: 'error', column: 'price', found: 'type DECIMAL(10,2)' },
      { price: `CAST(${healthy.price} AS DECIMAL(10,2))` },
      allFrozen({}),
      [{}, allFrozen({})],
    ],
    [
      'a type that changed within its kind',
      { rule: 'type-change', severity: 'warn', column: 'price', found: 'type FLOAT' },
      { price: `CAST(${healthy.price} AS FLOAT)` },
      allFrozen({}),
      [{ price: `CAST(${healthy.price} AS FLOAT)` }, { ...allFrozen({}), ...expecting({ schema: { severity: 'off' } }) }],
    ],
    [
      'a column that the frozen schema has and the source has lost',
      { rule: 'schema-column', severity: 'warn', column: 'shelf' },
      {},
      { schema: { formatVersion: 1, rows: 10, columns: { ...allFrozen({}).schema!.columns, shelf: { type: 'VARCHAR' } } } },
      [
        {},
        {
          schema: {
            formatVersion: 1,
            rows: 10,
            columns: { ...allFrozen({}).schema!.columns, shelf: { type: 'VARCHAR', presence: 'optional' } },
          },
        },
      ],
    ],
    [
      'a column that nobody has heard of',
      { rule: 'extra-column', severity: 'warn' },
      { shelf: '1' } as Columns,
      {},
      [
        { shelf: '1' } as Columns,
        { schema: { formatVersion: 1, rows: 10, columns: { ...allFrozen({}).schema!.columns, shelf: { type: 'INTEGER' } } } },
      ],
    ],
    [
      'a feature with one value',
      { rule: 'constant-column', severity: 'warn', column: 'kind' },
      { kind: `'book'` },
      {},
      [{ kind: `'book'` }, allFrozen({ kind: { constant: true } })],
    ],
    [
      'a feature without a value in any row',
      { rule: 'constant-column', severity: 'warn', column: 'price', found: 'no value in any row' },
      { price: 'CAST(NULL AS DOUBLE)' },
      {},
      [{ price: 'CAST(NULL AS DOUBLE)' }, allFrozen({ price: { maxMissing: 1 } })],
    ],
    [
      'categories whose shares moved',
      { rule: 'drift', severity: 'warn', column: 'kind', found: expect.stringMatching(/"book" went from 33\.3 % to 66\.\d %/) as never },
      { kind: `CASE WHEN i % 2 = 0 THEN 'book' ELSE ${healthy.kind} END` },
      allFrozen({ kind: { distribution: evenKinds } }),
      [{}, allFrozen({ kind: { distribution: evenKinds } })],
    ],
    [
      'numbers whose histogram moved',
      { rule: 'drift', severity: 'warn', column: 'price' },
      { price: `sqrt(${healthy.price} / 100) * 20` },
      allFrozen({ price: { distribution: evenPrices } }),
      [{}, allFrozen({ price: { distribution: evenPrices } })],
    ],
    [
      'a drift that the pipeline takes for an error in one column',
      { rule: 'drift', severity: 'error', column: 'kind' },
      { kind: `CASE WHEN i % 2 = 0 THEN 'book' ELSE ${healthy.kind} END` },
      { ...allFrozen({ kind: { distribution: evenKinds } }), ...withColumn('kind', { drift: { severity: 'error' } }) },
      [
        { kind: `CASE WHEN i % 2 = 0 THEN 'book' ELSE ${healthy.kind} END` },
        { ...allFrozen({ kind: { distribution: evenKinds } }), ...withColumn('kind', { drift: { max: 0.6 } }) },
      ],
    ],
    [
      'a hole in time',
      { rule: 'time-gap', severity: 'warn', column: 'day', found: expect.stringContaining('(32 days)') as never },
      { day: `TIMESTAMP '2024-01-01' + INTERVAL (CASE WHEN i % 120 < 60 THEN i % 120 ELSE i % 120 + 31 END) DAY` },
      expecting({ timeGaps: { column: 'day' } }),
      [{ day: `TIMESTAMP '2024-01-01' + INTERVAL ((i % 40) * 3) DAY` }, expecting({ timeGaps: { column: 'day' } })],
    ],
    [
      'a column of the label among the features',
      { rule: 'label-in-features', severity: 'error', column: 'spent' },
      {},
      { features: { spent: { kind: 'numeric', column: 'spent' } } },
      [{}, { features: { spent: { kind: 'numeric', column: 'spent' } }, ...expecting({ leakage: { allow: ['spent'] } }) }],
    ],
    [
      'a number that gives a class away',
      { rule: 'leakage', severity: 'error', column: 'price' },
      { price: `${healthy.spent} * 2 - 7` },
      {},
      [{ price: `${healthy.spent} + ${noise('x')} * 60` }, {}],
    ],
    [
      'a category that gives a class away',
      { rule: 'leakage', severity: 'error', column: 'kind', found: expect.stringContaining('copy') as never },
      { kind: `CASE WHEN ${healthy.spent} > 40 THEN 'gold' ELSE 'free' END` },
      {},
      [{}, { features: { customer: { kind: 'categorical', column: 'customer' } } }],
    ],
    [
      'a category that gives one of many classes away',
      { rule: 'leakage', severity: 'error', column: 'kind' },
      { kind: `'band ' || floor(${healthy.spent} / 10)::INTEGER` },
      { target: multiclass },
      [{ kind: `'band ' || floor(${healthy.spent} / 20)::INTEGER` }, { target: multiclass }],
    ],
    [
      'a number that gives a value away, whatever its scale',
      { rule: 'leakage', severity: 'error', column: 'price' },
      { price: `exp(${healthy.spent})` },
      { target: regression },
      [{ price: `${healthy.spent} + ${noise('x')} * 10` }, { target: regression }],
    ],
    [
      'rows of training again in the test',
      { rule: 'split-overlap', severity: 'warn' },
      {
        price: `CAST(floor(hash((i // 2)::VARCHAR) % 100000) / 7 AS DOUBLE)`,
        kind: `'k' || (i // 2) % 9`,
        spent: '((i // 2) * 13 % 50)::DOUBLE',
      },
      {
        features: { price: { kind: 'numeric', column: 'price' }, kind: { kind: 'categorical', column: 'kind' } },
        ...expecting({ splitOverlap: { max: 0.1 } }),
      },
      [
        {
          price: `CAST(floor(hash((i // 2)::VARCHAR) % 100000) / 7 AS DOUBLE)`,
          kind: `'k' || (i // 2) % 9`,
          spent: '((i // 2) * 13 % 50)::DOUBLE',
        },
        {
          features: { price: { kind: 'numeric', column: 'price' }, kind: { kind: 'categorical', column: 'kind' } },
          split: { kind: 'random', key: ['price'] },
          ...expecting({ splitOverlap: { max: 0.1 } }),
        },
      ],
    ],
    [
      'copies of rows in several groups, which two features of few values make by chance',
      { rule: 'split-overlap', severity: 'warn', found: expect.stringContaining('different groups hold copies') as never },
      {
        customer: `'c' || (i % 300)`,
        price: `CAST(hash((i // 2)::VARCHAR) % 10000000 / 7 AS DOUBLE)`,
        kind: `'k' || hash(i // 2) % 900`,
        spent: '((i // 2) * 13 % 50)::DOUBLE',
      },
      {
        features: { price: { kind: 'numeric', column: 'price' }, kind: { kind: 'categorical', column: 'kind' } },
        split: { kind: 'group', columns: ['customer'] },
      },
      [
        { customer: `'c' || (i % 300)`, price: `CAST(hash(i::VARCHAR) % 400 AS DOUBLE)`, kind: `'k' || hash(i + 1) % 40` },
        {
          features: { price: { kind: 'numeric', column: 'price' }, kind: { kind: 'categorical', column: 'kind' } },
          split: { kind: 'group', columns: ['customer'] },
        },
      ],
    ],
    [
      'a key in training and in the test',
      { rule: 'key-overlap', severity: 'warn', column: 'customer' },
      { customer: `'c' || (i % 300)` },
      expecting({ splitOverlap: { key: ['customer'] } }),
      [
        { customer: `'c' || (i % 300)` },
        { split: { kind: 'random', key: ['customer'] }, ...expecting({ splitOverlap: { key: ['customer'] } }) },
      ],
    ],
    [
      'a label that became more frequent from training to test',
      { rule: 'target-drift', severity: 'warn', column: 'spender', expected: expect.stringContaining('in test') as never },
      { spent: `CASE WHEN (i * 7) % 120 >= 91 THEN 45.0 - (i % 2) * 20 ELSE ${healthy.spent} END` },
      { split: time },
      [{}, { split: time }],
    ],
    [
      'a value that grew from training to test',
      { rule: 'target-drift', severity: 'warn', column: 'spending' },
      { spent: `${healthy.spent} + CASE WHEN (i * 7) % 120 >= 91 THEN 40 ELSE 0 END` },
      { split: time, target: regression },
      [{}, { split: time, target: regression }],
    ],
  ])(
    'tell of %s, and of nothing where there is none',
    async (_, expected, columns, changes, [otherColumns, otherChanges]) => {
      const anomalies = await anomaliesOf(columns, changes);
      expect(anomalies).toContainEqual(expect.objectContaining(expected));
      const others = await anomaliesOf(otherColumns, otherChanges);
      expect(others.filter(({ rule, column }) => rule === expected.rule && column === expected.column)).toEqual([]);
    },
    20_000,
  );

  it('do not take an id for a feature that gives the label away', async () => {
    const features = { customer: { kind: 'categorical', column: 'customer' }, price: { kind: 'numeric', column: 'price' } } as const;
    expect(await anomaliesOf({ price: 'i::DOUBLE' }, { features })).toEqual([]);
  });

  it('do not take data whose rows often repeat for a leak between the splits', async () => {
    const features = { kind: { kind: 'categorical', column: 'kind' } } as const;
    expect(await anomaliesOf({}, { features })).toEqual([]);
  });

  it('tell of a drift from the last accepted data, and of none before there are any', async () => {
    const uri = await fixture.parquet(
      'accepted.parquet',
      `SELECT ${Object.entries(healthy)
        .map(([name, sql]) => `${sql} AS "${name}"`)
        .join(', ')} FROM range(${rows}) AS t(i)`,
    );
    const spec = shop(uri, { name: 'with-history' });
    const { report } = await fixture.validate(spec);
    const moved = { kind: `CASE WHEN i % 2 = 0 THEN 'book' ELSE ${healthy.kind} END`, price: `${healthy.price} / 4` };
    const before = await anomaliesOf(moved, { name: 'with-history' });
    await acceptDataset(fixture, 'with-history', report);
    const after = await anomaliesOf(moved, { name: 'with-history' });
    expect(before).toEqual([]);
    expect(after.map(({ rule, column }) => [rule, column])).toEqual([
      ['drift', 'price'],
      ['drift', 'kind'],
    ]);
    expect(after[0].expected).toContain('the last accepted data');
    expect(await anomaliesOf({}, { name: 'with-history' })).toEqual([]);
  });
});
