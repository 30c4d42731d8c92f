import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FittedTransform, PreparedManifest } from '../contracts/dataset.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { textLiteral } from '../ml/data/sql-quoting.js';
import flightDelay from '../pipelines/flight-delay.js';
import { DataFixture, failureOf, fixtureRows, pipelineOf } from './data-fixture.js';

let fixture: DataFixture;
beforeEach(() => {
  fixture = new DataFixture();
});
afterEach(() => fixture.dispose());

async function prepared(spec: PipelineSpec): Promise<{ manifest: PreparedManifest; transform: FittedTransform }> {
  const manifest = await fixture.store.readJson<PreparedManifest>((await fixture.prepare(spec)).manifest);
  return { manifest, transform: await fixture.store.readJson<FittedTransform>(manifest.transform) };
}

describe('prepareDataset on real flights', () => {
  /** Every hundredth flight of the file, so that all six months are there. */
  async function sampledFlights(): Promise<PipelineSpec> {
    const path = textLiteral(fileURLToPath(new URL('../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url)));
    const uri = await fixture.parquet(
      'flights.parquet',
      `SELECT * EXCLUDE (file_row_number) FROM read_parquet(${path}, file_row_number = true) WHERE file_row_number % 100 = 0 OR delay < -60 OR date >= '2001-07-01'`,
    );
    return {
      ...flightDelay,
      source: { format: 'parquet', uri },
      expectations: { ...flightDelay.expectations, minRows: 1000, minRowsPerClass: 100, maxQuarantined: 0.01 },
    };
  }

  it('splits by time, drops July, and encodes what the graph gives', async () => {
    const spec = await sampledFlights();
    const validated = await fixture.validate(spec);
    expect(validated.quarantined).toEqual([{ reason: 'delay is below -60', rows: 142 }]);
    const result = await fixture.prepare(spec);
    expect(result.dropped).toEqual([{ reason: 'date is outside the ranges of the split', rows: 6 }]);
    const manifest = await fixture.store.readJson<PreparedManifest>(result.manifest);
    expect(manifest).toMatchObject({ task: 'binary', classes: ['on time', 'late'], train: { rows: result.rows.train } });
    expect(result.rows.train + result.rows.validation + result.rows.test).toBe(validated.rows - 6);
    expect(manifest.layout.categorical.map((column) => column.name)).toEqual(['origin', 'destination', 'hour', 'minute', 'dayOfWeek']);
    expect(manifest.trainingPrior[1]).toBeCloseTo(0.206, 1);

    const { integers } = await fixture.matrix(manifest.train.categorical);
    // 2001-01-01 was a Monday; the first flight left at 00:01.
    expect(integers.slice(2, 5)).toEqual([1, 2, 1]);
    const sizes = manifest.layout.categorical.map((column) => column.size);
    expect(integers.filter((index, i) => index < 0 || index >= sizes[i % 5])).toEqual([]);
    const { floats } = await fixture.matrix(manifest.train.numeric);
    expect(floats).toHaveLength(result.rows.train);
    const mean = floats.reduce((sum, value) => sum + value, 0) / floats.length;
    const variance = floats.reduce((sum, value) => sum + (value - mean) ** 2, 0) / floats.length;
    expect(mean).toBeCloseTo(0, 4);
    expect(variance).toBeCloseTo(1, 4);
    const { floats: target } = await fixture.matrix(manifest.train.target);
    expect(target.filter((value) => value === 1).length / target.length).toBe(manifest.trainingPrior[1]);

    const [row] = await fixture.rows(manifest.test.data, 'SELECT * FROM data LIMIT 1');
    expect(Object.keys(row)).toEqual(['origin', 'destination', 'date', 'distance', '__slice_origin', '__slice_hour', '__target']);
    expect(row).toMatchObject({ __slice_origin: row.origin, __slice_hour: String(new Date(Number(row.date)).getUTCHours()) });
    const months = await fixture.rows(
      manifest.test.data,
      'SELECT DISTINCT month(epoch_ms(date)) AS month, count(*) AS n FROM data GROUP BY 1',
    );
    expect(months).toEqual([{ month: 6n, n: BigInt(result.rows.test) }]);
  });
});

describe('prepareDataset', () => {
  const features = {
    kind: { kind: 'categorical', column: 'kind', minCount: 1 },
    amount: { kind: 'numeric', column: 'amount', missingIndicator: true },
    hour: { kind: 'calendar', column: 'when', part: 'hour' },
    month: { kind: 'calendar', column: 'when', part: 'month' },
  } as const;

  it('is deterministic: equal rows and definitions give the same manifest in another store', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(200_000));
    const spec = pipelineOf(uri, { features, evaluation: { slices: ['kind', 'month'] } });
    const first = await fixture.prepare(spec);
    const other = new DataFixture();
    try {
      await other.parquet('a.parquet', fixtureRows(200_000));
      expect(await other.prepare(spec)).toEqual(first);
    } finally {
      other.dispose();
    }
  });

  it('finds what was prepared before, and makes it anew when a part of it is lost', async () => {
    const spec = pipelineOf(await fixture.parquet('a.parquet', fixtureRows(1000)), { features });
    const first = await fixture.prepare(spec);
    fixture.beats.length = 0;
    expect(await fixture.prepare(spec)).toEqual(first);
    expect(fixture.beats).not.toContainEqual(expect.objectContaining({ phase: 'fit' }));
    const { train } = await fixture.store.readJson<PreparedManifest>(first.manifest);
    await fixture.store.remove(train.numeric!);
    expect(await fixture.prepare(spec)).toEqual(first);
    expect(fixture.beats).toContainEqual(expect.objectContaining({ phase: 'fit' }));
    expect((await fixture.matrix(train.numeric)).floats).toHaveLength(train.rows * 2);
    expect(fixture.leftovers()).toEqual([]);
  });

  it('fits on the training part alone', async () => {
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when", CASE WHEN "when" >= '1970-01-01' THEN amount + 1000 ELSE amount END AS amount, CASE WHEN "when" >= '1970-01-01' THEN 'later' ELSE kind END AS kind FROM (${fixtureRows(1200)})`,
    );
    const { manifest, transform } = await prepared(
      pipelineOf(uri, {
        features,
        target: { task: 'binary', name: 'odd', expression: 'amount::INTEGER % 2 = 1' },
        split: {
          kind: 'time',
          column: 'when',
          train: { from: '1969-12-01', until: '1970-01-01' },
          validation: { from: '1970-01-01', until: '1970-01-10' },
          test: { from: '1970-01-10', until: '1970-01-20' },
        },
      }),
    );
    expect(transform.features[0]).toMatchObject({ vocabulary: ['a', 'b', 'c'] });
    expect((transform.features[1] as { center: number }).center).toBeLessThan(100);
    const { integers } = await fixture.matrix(manifest.validation.categorical);
    expect(new Set(integers.filter((_, i) => i % 3 === 0))).toEqual(new Set([1]));
    // The rows before 1970 are in December, those after in January.
    const { integers: trained } = await fixture.matrix(manifest.train.categorical);
    expect(new Set(trained.filter((_, i) => i % 3 === 2))).toEqual(new Set([12]));
    expect(new Set(integers.filter((_, i) => i % 3 === 2))).toEqual(new Set([1]));
    expect(trained.filter((_, i) => i % 3 === 1).slice(0, 3)).toEqual([1, 2, 3]);
  });

  it('fills missing numbers and marks them', async () => {
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when", CASE WHEN kind = 'a' THEN NULL ELSE amount END AS amount, kind FROM (${fixtureRows(900)})`,
    );
    const target = { task: 'binary', name: 'b', expression: `kind = 'b'` } as const;
    const { manifest, transform } = await prepared(pipelineOf(uri, { features, target }));
    const { fill, center, scale } = transform.features[1] as { fill: number; center: number; scale: number };
    const { floats } = await fixture.matrix(manifest.train.numeric);
    const missing = floats.flatMap((value, i) => (i % 2 === 0 && floats[i + 1] === 1 ? [value] : []));
    expect(missing.length).toBeGreaterThan(150);
    expect(new Set(missing)).toEqual(new Set([Math.fround((fill - center) / scale)]));
  });

  it('keeps a row in its part when rows are added, and copies of a row together', async () => {
    const sample = async (rows: number) => {
      const uri = await fixture.parquet(`${rows}.parquet`, `FROM (${fixtureRows(rows)}) UNION ALL FROM (${fixtureRows(50)})`);
      const { manifest } = await prepared(pipelineOf(uri, { features, split: { kind: 'random', validation: 0.2, test: 0.3, seed: 7 } }));
      const found = await fixture.rows(manifest.test.data, 'SELECT "when", count(*) AS copies FROM data GROUP BY 1');
      return new Map(found.map((row) => [Number(row.when), Number(row.copies)]));
    };
    const few = await sample(1000);
    const many = await sample(3000);
    expect(few.size / 1000).toBeCloseTo(0.3, 1);
    expect([...few.keys()].filter((key) => !many.has(key))).toEqual([]);
    expect([...many.values()].filter((copies) => copies === 2)).toEqual([...few.values()].filter((copies) => copies === 2));
    expect([...few.values()].filter((copies) => copies === 2).length).toBeGreaterThan(5);
  });

  it('prepares several classes, and drops those that the training part lacks', async () => {
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when", amount, CASE WHEN "when" > '1970-01-15' THEN 'z' ELSE kind END AS kind FROM (${fixtureRows(1200)})`,
    );
    const split = {
      kind: 'time',
      column: 'when',
      train: { from: '1969-12-01', until: '1970-01-01' },
      validation: { from: '1970-01-01', until: '1970-01-10' },
      test: { from: '1970-01-10', until: '1970-01-20' },
    } as const;
    const { manifest } = await prepared(
      pipelineOf(uri, { features: { amount: features.amount }, split, target: { task: 'multiclass', name: 'kind', expression: 'kind' } }),
    );
    expect(manifest.classes).toEqual(['a', 'b', 'c']);
    expect(manifest.trainingPrior).toEqual([248 / 744, 248 / 744, 248 / 744]);
    expect(manifest.dropped).toEqual([{ reason: 'the class does not occur in the training part', rows: 120 }]);
    expect(manifest.train.categorical).toBeUndefined();
    expect((await fixture.matrix(manifest.train.target)).floats.slice(0, 4)).toEqual([0, 1, 2, 0]);
  });

  it('prepares a regression with the mean and the deviation of its training part', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(1000));
    const target = { task: 'regression', name: 'amount', expression: 'amount * 2' } as const;
    const { manifest } = await prepared(pipelineOf(uri, { target }));
    const { floats } = await fixture.matrix(manifest.train.target);
    const mean = floats.reduce((sum, value) => sum + value, 0) / floats.length;
    expect(manifest.classes).toEqual([]);
    expect(manifest.trainingPrior[0]).toBeCloseTo(mean, 6);
    expect(manifest.trainingPrior[1]).toBeCloseTo(58.3, 0);
  });

  it('writes slices as people read them', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(2000));
    const week = { day: { kind: 'calendar', column: 'when', part: 'dayOfWeek' } } as const;
    const { manifest } = await prepared(
      pipelineOf(uri, { features: { ...features, ...week }, evaluation: { slices: ['month', 'day', 'kind'] } }),
    );
    const found = await fixture.rows(
      manifest.test.data,
      `SELECT DISTINCT __slice_month, __slice_day, strftime(epoch_ms("when"), '%B %A') AS expected FROM data`,
    );
    expect(found.length).toBeGreaterThan(20);
    expect(found.filter((row) => `${String(row.__slice_month)} ${String(row.__slice_day)}` !== row.expected)).toEqual([]);
  });

  it('counts the rows whose value the split does not list', async () => {
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT *, chr(97 + (i % 4)::INTEGER) AS site FROM (SELECT *, row_number() OVER () AS i FROM (${fixtureRows(400)}))`,
    );
    const { columns } = pipelineOf(uri);
    const split = { kind: 'column' as const, column: 'site', train: ['a'], validation: ['c'], test: ['z', 'd'] };
    const spec = pipelineOf(uri, { columns: { ...columns, site: { type: 'string' } }, split });
    const { rows, dropped } = await fixture.prepare(spec);
    expect(rows).toEqual({ train: 100, validation: 100, test: 100 });
    expect(dropped).toEqual([{ reason: 'site has a value that the split does not list', rows: 100 }]);
  });

  describe('refuses', () => {
    const time = (changes: object) =>
      ({
        split: {
          kind: 'time',
          column: 'when',
          train: { from: '1969-12-01', until: '1970-01-01' },
          validation: { from: '1970-01-01', until: '1970-01-10' },
          test: { from: '1970-01-10', until: '1970-01-20' },
          ...changes,
        },
      }) as Parameters<typeof pipelineOf>[1];

    it.each([
      [
        'an empty part',
        time({ test: { from: '2001-06-01', until: '2001-07-01' } }),
        'InvalidData',
        /test part.*2001-06-01 ≤ when < 2001-07-01, found none \(the data go from 1969-12-01 00:30:00 to 1970-01-11/,
      ],
      [
        'overlapping parts',
        time({ validation: { from: '1969-12-31', until: '1970-01-10' } }),
        'InvalidPipeline',
        /train and validation.*overlap/,
      ],
      [
        'a date that does not exist',
        time({ test: { from: '1970-02-30', until: '1970-03-20' } }),
        'InvalidPipeline',
        /split\.test\.from.*does not exist/,
      ],
      [
        'a part of one class',
        { ...time({}), target: { task: 'binary', name: 'early', expression: `"when" < '1969-12-10'` } } as const,
        'InvalidData',
        /validation part.*at least two classes/,
      ],
      [
        'a part whose values do not occur',
        { split: { kind: 'column', column: 'kind', train: ['a'], validation: ['b'], test: ['z', 'y'] } } as const,
        'InvalidData',
        /test part.*kind among "z", "y", found none \(the values are "a", "b", "c"\)/,
      ],
      [
        'too few groups',
        { split: { kind: 'group', columns: ['kind'], validation: 0.01, test: 0.01 } } as const,
        'InvalidData',
        /validation part.*1\.00 % of the groups of kind, found none \(there are 3 groups\)/,
      ],
    ] as [string, Parameters<typeof pipelineOf>[1], string, RegExp][])('%s', async (_, changes, type, message) => {
      const uri = await fixture.parquet('a.parquet', fixtureRows(1000));
      const failure = await failureOf(fixture.prepare(pipelineOf(uri, changes)));
      expect(failure).toMatchObject({ type, nonRetryable: true });
      expect(failure.message).toMatch(message);
    });
  });

  it('takes names and categories literally, whatever SQL they hold', async () => {
    const name = `x"; DROP VIEW __anneal_train; --`;
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when", amount, replace(kind, 'b', '''); DROP VIEW y; --') AS ${quoted} FROM (${fixtureRows(1000)})`,
    );
    const { transform } = await prepared(
      pipelineOf(uri, {
        columns: { when: { type: 'timestamp' }, amount: { type: 'float' }, [name]: { type: 'string' } },
        features: { [name]: { kind: 'categorical', column: name, minCount: 1 } },
        evaluation: { slices: [name] },
        split: { kind: 'random', key: [name, 'when'] },
      }),
    );
    expect((transform.features[0] as { vocabulary: readonly string[] }).vocabulary).toContain(`'); DROP VIEW y; --`);
  });

  it('takes columns that are called like what is computed from them', async () => {
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when" AS reason, kind AS category, CASE WHEN amount > 90 THEN 'x' ELSE 'y' END AS index, amount AS rows, 1.5 AS class FROM (${fixtureRows(1000)})`,
    );
    const { transform } = await prepared(
      pipelineOf(uri, {
        columns: {
          reason: { type: 'timestamp' },
          category: { type: 'string' },
          index: { type: 'string' },
          rows: { type: 'float', min: 1 },
          class: { type: 'float' },
        },
        expectations: { minRows: 10, minRowsPerClass: 2, maxQuarantined: 0.1 },
        target: { task: 'binary', name: 'large', expression: 'rows > 50' },
        features: {
          index: { kind: 'categorical', column: 'index' },
          category: { kind: 'categorical', column: 'category' },
          rows: { kind: 'numeric', column: 'rows' },
        },
        evaluation: { slices: ['index', 'class'] },
      }),
    );
    expect(transform.features[0]).toMatchObject({ vocabulary: ['y', 'x'] });
    expect((transform.features[1] as { vocabulary: readonly string[] }).vocabulary.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('interrupts its query when it is cancelled', async () => {
    const spec = pipelineOf(await fixture.parquet('a.parquet', fixtureRows(300_000)), { features });
    const environment = fixture.environment();
    environment.on('heartbeat', (details: { phase: string }) => {
      if (details.phase === 'encode train') environment.cancel('CANCELLED');
    });
    await expect(fixture.prepare(spec, environment)).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(fixture.leftovers()).toEqual([]);
  });
});
