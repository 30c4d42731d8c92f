import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Anomaly, ValidationReport } from '../contracts/dataset.js';
import { DataFixture, failureOf, fixtureRows, pipelineOf } from './data-fixture.js';

let fixture: DataFixture;
beforeEach(() => {
  fixture = new DataFixture();
});
afterEach(() => fixture.dispose());

async function refusalOf(
  ...parameters: Parameters<typeof pipelineOf>
): Promise<{ message: string; anomalies: Anomaly[]; report: ValidationReport }> {
  const { passed, refusal, anomalies, report } = await fixture.validate(pipelineOf(...parameters));
  expect(passed).toBe(false);
  return { message: refusal!, anomalies: [...anomalies], report: await fixture.store.readJson<ValidationReport>(report) };
}

describe('validateDataset', () => {
  it('passes good rows on in the declared types with their target, and describes every column', async () => {
    const uri = await fixture.parquet('a.parquet', `SELECT *, i AS extra FROM (${fixtureRows(500)}), (SELECT 1 AS i)`);
    const result = await fixture.validate(pipelineOf(uri));
    expect(result).toMatchObject({ rows: 500, quarantined: [] });
    expect(result.anomalies).toEqual([
      expect.objectContaining({ severity: 'warn', rule: 'extra-column', found: expect.stringContaining('"extra"') }),
    ]);
    const [row] = await fixture.rows(result.clean!);
    expect(row).toEqual({ when: new Date('1969-12-01T00:30:00Z'), amount: 0, kind: 'a', __target: false });
    const report = await fixture.store.readJson<ValidationReport>(result.report);
    expect(report).toMatchObject({ passed: true, rows: 500 });
    expect(report.target.classes!.true + report.target.classes!.false).toBeCloseTo(1);
    const [when, amount, kind] = report.statistics;
    expect(when).toMatchObject({ column: 'when', min: '1969-12-01 00:30:00', missing: 0 });
    expect(amount).toMatchObject({ min: 0, max: 100, quantiles: [0, 4, 25, 50, 75, 95, 99] });
    expect(kind.topValues).toEqual([
      { value: 'a', rows: 167 },
      { value: 'b', rows: 167 },
      { value: 'c', rows: 166 },
    ]);
  });

  it('takes rows that break a rule into quarantine, with reason and count', async () => {
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when", CASE WHEN "when" < '1969-12-01 03:00:00' THEN 1000.0 ELSE amount END AS amount, CASE WHEN "when" = '1969-12-01 05:30:00' THEN NULL ELSE kind END AS kind FROM (${fixtureRows(500)})`,
    );
    const columns = { when: { type: 'timestamp' }, amount: { type: 'float', max: 100 }, kind: { type: 'string' } } as const;
    const result = await fixture.validate(pipelineOf(uri, { columns }));
    expect(result.rows).toBe(496);
    expect(result.quarantined).toEqual([
      { reason: 'amount is above 100', rows: 3 },
      { reason: 'kind is missing', rows: 1 },
    ]);
    const { quarantine } = await fixture.store.readJson<ValidationReport>(result.report);
    const rows = await fixture.rows(quarantine!, 'SELECT __anneal_row, __anneal_reason, amount FROM data ORDER BY 1');
    expect(rows.map((row) => [row.__anneal_row, row.__anneal_reason])).toEqual([
      [1n, 'amount is above 100'],
      [2n, 'amount is above 100'],
      [3n, 'amount is above 100'],
      [6n, 'kind is missing'],
    ]);
    expect(rows[0].amount).toBe(1000);
  });

  it('treats NaN as missing and infinity as a broken rule', async () => {
    const amounts = `CASE WHEN kind = 'a' THEN 'NaN'::DOUBLE WHEN "when" = '1969-12-01 01:30:00' THEN 'Infinity'::DOUBLE ELSE amount END`;
    const uri = await fixture.parquet('a.parquet', `SELECT "when", ${amounts} AS amount, kind FROM (${fixtureRows(400)})`);
    const columns = { when: { type: 'timestamp' }, amount: { type: 'float', nullable: true }, kind: { type: 'string' } } as const;
    const target = { task: 'binary', name: 'early', expression: `"when" < TIMESTAMP '1969-12-10'` } as const;
    const result = await fixture.validate(pipelineOf(uri, { columns, target }));
    expect(result.quarantined).toEqual([{ reason: 'amount is infinite', rows: 1 }]);
    expect(await fixture.rows(result.clean!, 'SELECT count(*) - count(amount) AS missing FROM data')).toEqual([{ missing: 134n }]);
  });

  it('reads hundreds of columns of text within the usual memory, and finds the same in them', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `c${i}`);
    const rows = Array.from({ length: 400 }, (_, row) =>
      names.map((_, i) => (row === 7 && i === 120 ? 'x' : (row * 31 + i * 17) % 97)).join(','),
    );
    fixture.write('wide.csv', `${names.join(',')}\n${rows.join('\n')}\n`);
    const spec = pipelineOf('wide.csv', {
      source: { format: 'csv', uri: 'wide.csv' },
      columns: Object.fromEntries(names.map((name) => [name, { type: 'integer' as const }])),
      target: { task: 'binary', name: 'large', expression: 'c0 > 48' },
      features: { c1: { kind: 'numeric', column: 'c1' } },
    });
    const result = await fixture.validate(spec);
    expect(result.refusal).toBeUndefined();
    expect(result.quarantined).toEqual([{ reason: 'c120 is not an integer', rows: 1 }]);
    const [row] = await fixture.rows(result.clean!, 'SELECT c0, c120, c299, __target FROM data OFFSET 7 LIMIT 1');
    expect(row).toEqual({
      c0: BigInt((8 * 31) % 97),
      c120: BigInt((8 * 31 + 120 * 17) % 97),
      c299: BigInt((8 * 31 + 299 * 17) % 97),
      __target: (8 * 31) % 97 > 48,
    });
  });

  it('names the missing column, and the one that was probably meant', async () => {
    const uri = await fixture.parquet('a.parquet', `SELECT "when", amount AS "Amount", kind FROM (${fixtureRows(50)})`);
    const { message, anomalies, report } = await refusalOf(uri);
    expect(message).toMatch(/column "amount": expected a column of type float, found no such column, but one called "Amount"/);
    expect(anomalies[0]).toMatchObject({ severity: 'error', rule: 'missing-column', column: 'amount' });
    expect(report).toMatchObject({ passed: false, anomalies });
  });

  it('names the column of a wrong type, what was expected and what was found', async () => {
    const uri = await fixture.parquet('a.parquet', `SELECT "when", CAST(amount AS VARCHAR) AS amount, kind FROM (${fixtureRows(50)})`);
    const { message, anomalies } = await refusalOf(uri);
    expect(message).toMatch(/column "amount": expected type float, found type VARCHAR/);
    expect(anomalies).toEqual([{ severity: 'error', rule: 'type', column: 'amount', expected: 'type float', found: 'type VARCHAR' }]);
  });

  it('names column, row and value of text in a CSV file where a number was expected', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `2001-01-01T${String(i % 24).padStart(2, '0')}:00:00Z,${i === 41 ? 'many' : i},a`);
    const uri = fixture.write('a.csv', ['when,amount,kind', ...lines].join('\n'));
    const source = { format: 'csv', uri } as const;
    const expectations = { minRows: 10, minRowsPerClass: 2, maxQuarantined: 0.001 };
    const { message } = await refusalOf(uri, { source, expectations });
    expect(message).toMatch(/column "amount": expected a number, found something else in 1 of 100 rows, first in row 42 \("many"\)/);
    const result = await fixture.validate(pipelineOf(uri, { source }));
    expect(result.quarantined).toEqual([{ reason: 'amount is not a number', rows: 1 }]);
    const clean = await fixture.rows(result.clean!, 'SELECT count(*) AS n, max(amount) AS high, max("when") AS late FROM data');
    expect(clean).toEqual([{ n: 99n, high: 99, late: new Date('2001-01-01T23:00:00Z') }]);
  });

  it('reads gaps, offsets and postal codes of text files as they are meant', async () => {
    const uri = fixture.write(
      'a.csv',
      'when,amount,kind\n2001-06-01T02:00:00+02:00,NA,01234\n2001-06-01,  7 ,x\n1969-12-31 23:59:59.999,-1e3,y\n',
    );
    const source = { format: 'csv', uri } as const;
    const target = { task: 'binary', name: 'known', expression: 'amount IS NOT NULL' } as const;
    const result = await fixture.validate(pipelineOf(uri, { source, target, expectations: { minRows: 1, minRowsPerClass: 1 } }));
    expect(await fixture.rows(result.clean!, 'SELECT epoch_ms("when") AS ms, amount, kind FROM data')).toEqual([
      { ms: 991_353_600_000n, amount: null, kind: '01234' },
      { ms: 991_353_600_000n, amount: 7, kind: 'x' },
      { ms: -1n, amount: -1000, kind: 'y' },
    ]);
  });

  it('reads integers from floats with gaps, and no fraction as an integer', async () => {
    const query = `SELECT "when", CASE WHEN kind = 'a' THEN 'NaN'::DOUBLE WHEN "when" = '1969-12-01 01:30:00' THEN 1.5 ELSE amount END AS amount, kind FROM (${fixtureRows(300)})`;
    const uri = await fixture.parquet('a.parquet', query);
    const columns = { when: { type: 'timestamp' }, amount: { type: 'integer', nullable: true }, kind: { type: 'string' } } as const;
    const target = { task: 'binary', name: 'b', expression: `kind = 'b'` } as const;
    const expectations = { minRowsPerClass: 2, leakage: { severity: 'off' } } as const;
    const result = await fixture.validate(pipelineOf(uri, { columns, target, expectations }));
    expect(result.quarantined).toEqual([{ reason: 'amount is not an integer', rows: 1 }]);
    expect(result.anomalies).toEqual([expect.objectContaining({ rule: 'type', found: expect.stringContaining('row 2 ("1.5")') })]);
  });

  it.each([
    [
      'a label that is missing everywhere',
      'CAST(NULL AS BOOLEAN)',
      'target',
      /"label": expected a target in every row, found none in any row/,
    ],
    ['a label of one class', 'amount >= 0', 'one-class', /"label": expected at least two classes, found "true" in every one of 300 rows/],
    [
      'a class of too few rows',
      'amount = 100',
      'few-rows-of-class',
      /"label": expected at least 5 rows of each class.*found 3 of class "true"/,
    ],
  ])('refuses %s', async (_, expression, rule, message) => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(300));
    const target = { task: 'binary', name: 'label', expression } as const;
    const refusal = await refusalOf(uri, { target, expectations: { minRows: 10, minRowsPerClass: 5 } });
    expect(refusal.anomalies.filter((anomaly) => anomaly.severity === 'error')).toEqual([
      expect.objectContaining({ rule, column: 'label' }),
    ]);
    expect(refusal.message).toMatch(message);
  });

  it('names the column behind a label that is missing everywhere', async () => {
    const uri = await fixture.parquet('a.parquet', `SELECT "when", CAST(NULL AS INTEGER) AS amount, kind FROM (${fixtureRows(300)})`);
    const columns = { when: { type: 'timestamp' }, amount: { type: 'float' }, kind: { type: 'string' } } as const;
    expect((await refusalOf(uri, { columns })).message).toMatch(
      /column "amount": expected a value in every row, found no value in 300 of 300 rows/,
    );
  });

  it('refuses too few rows, too many in quarantine, and values of columns that may not fail', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(300));
    expect((await refusalOf(uri, { expectations: { minRows: 301 } })).message).toMatch(/expected at least 301 rows.*found 300 usable rows/);
    const bounded = (changes: object) =>
      ({
        columns: {
          when: { type: 'timestamp', min: '1969-12-01T12:00', ...changes },
          amount: { type: 'float', nullable: true },
          kind: { type: 'string' },
        },
      }) as Parameters<typeof pipelineOf>[1];
    expect((await refusalOf(uri, bounded({}))).message).toMatch(
      /column "when": expected min 1969-12-01T12:00, found a value beyond it in 12 of 300.*, over the 1\.00 % of the rows quarantined \(expectations\.maxQuarantined\)/,
    );
    expect((await refusalOf(uri, bounded({ onViolation: 'fail', min: '1969-12-01T01:00' }))).message).toMatch(
      /in 1 of 300 rows, first in row 1/,
    );
    const tolerant = await fixture.validate(pipelineOf(uri, bounded({ onViolation: 'warn' })));
    expect(tolerant).toMatchObject({ rows: 300, anomalies: [{ severity: 'warn', rule: 'range', rows: 12 }] });
  });

  it('counts exact copies of rows, and values that are not allowed', async () => {
    const uri = await fixture.parquet('a.parquet', `FROM (${fixtureRows(300)}) UNION ALL FROM (${fixtureRows(7)})`);
    const columns = {
      when: { type: 'timestamp' },
      amount: { type: 'float', nullable: true },
      kind: { type: 'string', allowed: ['a', "b'"], onViolation: 'warn' },
    } satisfies NonNullable<Parameters<typeof pipelineOf>[1]>['columns'];
    const expectations = { minRowsPerClass: 2, duplicates: { max: 0 } };
    const { anomalies } = await fixture.validate(pipelineOf(uri, { columns, expectations }));
    expect(anomalies).toEqual([
      expect.objectContaining({ rule: 'allowed', column: 'kind', rows: 204, expected: `one of "a", "b'"` }),
      expect.objectContaining({ rule: 'duplicate-rows', rows: 7 }),
    ]);
  });

  it('takes column names literally, whatever SQL they hold', async () => {
    const name = `x"; DROP VIEW __anneal_source; --`;
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const uri = await fixture.parquet(
      'a.parquet',
      `SELECT "when" AS file_row_number, amount AS ${quoted}, kind AS "select" FROM (${fixtureRows(300)})`,
    );
    const spec = pipelineOf(uri, {
      columns: { file_row_number: { type: 'timestamp' }, [name]: { type: 'float', min: 1, nullable: true }, select: { type: 'string' } },
      target: { task: 'binary', name: `it's "late"`, expression: `${quoted} > 50 -- a comment` },
      features: { [`${name}'`]: { kind: 'numeric', column: name }, select: { kind: 'categorical', column: 'select' } },
      expectations: { minRows: 10, minRowsPerClass: 2, maxQuarantined: 0.5 },
    });
    const result = await fixture.validate(spec);
    expect(result.quarantined).toEqual([{ reason: `${name} is below 1`, rows: 3 }]);
    expect(Object.keys((await fixture.rows(result.clean!))[0])).toEqual(['file_row_number', name, 'select', '__target']);
  });

  it.each([
    ['an unknown column', 'missing_column > 1', /cannot be computed.*missing_column/],
    ['a second statement', '1); DROP VIEW __anneal_typed; --', /cannot be computed/],
    ['a number where a boolean is needed', 'amount', /gives DOUBLE, but a binary target needs BOOLEAN/],
    ['a cast that fails in a row', 'CAST(kind AS INTEGER) > 1', /cannot be computed.*Conversion Error/],
  ])('refuses a target expression with %s', async (_, expression, message) => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(100));
    const failure = await failureOf(fixture.validate(pipelineOf(uri, { target: { task: 'binary', name: 'label', expression } })));
    expect(failure).toMatchObject({ type: 'InvalidPipeline', nonRetryable: true });
    expect(failure.message).toMatch(message);
  });

  it('refuses bounds that cannot bound, and reserved names', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(100));
    const rest = { when: { type: 'timestamp' }, amount: { type: 'float' } } as const;
    const bounded = await failureOf(fixture.validate(pipelineOf(uri, { columns: { ...rest, kind: { type: 'string', min: 3 } } })));
    expect(bounded).toMatchObject({ type: 'InvalidPipeline', message: expect.stringMatching(/columns\.kind\.min is 3/) });
    const reserved = await failureOf(
      fixture.validate(pipelineOf(uri, { columns: { ...rest, kind: { type: 'string' }, __target: { type: 'string' } } })),
    );
    expect(reserved).toMatchObject({ type: 'InvalidPipeline', message: expect.stringMatching(/"__target".*Rename/) });
  });

  it('gives equal bytes and an equal report for the same snapshot, and cleans up', async () => {
    const uri = await fixture.parquet('a.parquet', fixtureRows(300_000));
    const first = await fixture.validate(pipelineOf(uri));
    expect(await fixture.validate(pipelineOf(uri))).toEqual(first);
    expect(fixture.leftovers()).toEqual([]);
  });
});
