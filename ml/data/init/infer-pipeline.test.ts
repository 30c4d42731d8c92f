import { describe, expect, it } from '@jest/globals';
import type { ColumnFacts } from './column-facts.js';
import { inferPipeline, type InferredPipeline } from './infer-pipeline.js';

const rows = 1000;

function facts(name: string, changes: Partial<ColumnFacts> = {}): ColumnFacts {
  return {
    name,
    sourceType: 'VARCHAR',
    type: 'string',
    missing: 0,
    unreadable: 0,
    distinct: 3,
    words: 1,
    top: top('a', 'b', 'c'),
    ...changes,
  };
}

function number(name: string, changes: Partial<ColumnFacts> = {}): ColumnFacts {
  return facts(name, { type: 'float', words: undefined, distinct: 500, quantiles: [0, 1, 10, 20, 30], top: top('1.5'), ...changes });
}

function top(...values: string[]): ColumnFacts['top'] {
  return values.map((value, i) => ({ value, rows: Math.round((rows / values.length) * (1 + (values.length - 1 - 2 * i) / 100)) }));
}

function times(isSorted: boolean, parts: NonNullable<ColumnFacts['times']>['parts']): Partial<ColumnFacts> {
  const quantiles = ['2020-01-01T00:00:00Z', '2020-09-12T10:00:00Z', '2020-11-06T12:00:00Z', '2020-12-31T12:00:00Z'];
  return { type: 'timestamp', distinct: 900, times: { quantiles, isSorted, parts } };
}

function infer(target: ColumnFacts, others: readonly ColumnFacts[] = [number('x')], changes: object = {}): InferredPipeline {
  return inferPipeline({
    name: 'made',
    source: { format: 'csv', uri: 'made.csv' },
    target: target.name,
    rows,
    columns: [...others, target],
    ...changes,
  });
}

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  return 'no failure';
}

describe('the target of an inferred pipeline', () => {
  it('is binary with two values, and true for the class that is looked for', () => {
    const { target } = infer(facts('churned', { distinct: 2, top: top('no', 'yes') })).definition;
    expect(target).toEqual({ task: 'binary', name: 'churned', expression: `"churned" = 'yes'`, classes: ['no', 'yes'] });
    const rare = infer(facts('kind', { distinct: 2, top: top("it's", 'b') })).definition;
    expect(rare.target).toMatchObject({ expression: `"kind" = 'b'` });
    const flag = infer(facts('flag', { type: 'boolean', distinct: 2, top: top('false', 'true') })).definition;
    expect(flag.target).toMatchObject({ expression: '"flag"', classes: ['false', 'true'] });
  });

  it('has classes for few texts or few integers, and is a number otherwise', () => {
    expect(infer(facts('kind')).definition.target).toMatchObject({ task: 'multiclass', classes: ['a', 'b', 'c'] });
    expect(infer(number('stars', { type: 'integer', distinct: 5, top: top('1', '2', '3', '4', '5') })).definition.target.task).toBe(
      'multiclass',
    );
    expect(infer(number('price')).definition.target).toEqual({ task: 'regression', name: 'price', expression: '"price"' });
    const stars = number('stars', { type: 'integer', distinct: 5, top: top('1', '2') });
    expect(infer(stars, undefined, { task: 'regression' }).definition.target.task).toBe('regression');
  });

  it.each([
    ['a constant', facts('y', { distinct: 1, top: top('a') }), /"y" cannot be the target: every row has the value "a"/],
    ['nothing', facts('y', { missing: rows, distinct: 0, top: [] }), /it has no value/],
    ['a text that names every row', facts('y', { distinct: 900 }), /900 different values, more than 100 classes/],
    ['a time', facts('y', times(true, [])), /its type is/],
    ['bytes', facts('y', { type: undefined, sourceType: 'BLOB' }), /its type is BLOB/],
  ])('is refused when it is %s, with the way out', (_, target, message) => {
    expect(failure(() => infer(target))).toMatch(message);
  });

  it('has no class of fewer than three rows, and no blanks around a name', () => {
    const { definition, remarks } = infer(
      facts('y', {
        distinct: 3,
        top: [
          { value: ' a', rows: 600 },
          { value: ' b', rows: 398 },
          { value: ' c', rows: 2 },
        ],
      }),
    );
    expect(definition.target).toEqual({ task: 'multiclass', name: 'y', expression: 'trim("y")', classes: ['a', 'b'] });
    expect(remarks.get('target')).toMatch(/left out: "c" \(2\)/);
  });

  it('is asked for by the name that was probably meant', () => {
    const columns = [number('x'), facts('Churned', { distinct: 2, top: top('no', 'yes') })];
    expect(failure(() => infer(columns[1], [columns[0]], { target: 'churned' }))).toMatch(/Did you mean "Churned"/);
  });

  it('lets rows without a label go to quarantine', () => {
    const { definition, remarks } = infer(facts('y', { missing: 100 }));
    expect(definition.expectations!.maxQuarantined).toBeCloseTo(0.16);
    expect(remarks.get('expectations.maxQuarantined')).toMatch(/10 % of the rows have no label/);
    expect(definition.columns.y).toEqual({ type: 'string' });
  });
});

describe('the features of an inferred pipeline', () => {
  it('leave out what tells nothing about other rows, and say why', () => {
    const { definition, leftOut } = infer(facts('y'), [
      number('x'),
      number('customer_id', { type: 'integer', distinct: 1000 }),
      facts('name', { distinct: 990 }),
      facts('same', { distinct: 1, top: top('a') }),
      facts('empty', { missing: rows, distinct: 0, top: [] }),
      facts('tags', { type: undefined, sourceType: 'VARCHAR[]' }),
      number('value'),
    ]);
    expect(Object.keys(definition.features)).toEqual(['x']);
    expect(leftOut.map(({ column }) => column)).toEqual(['customer_id', 'name', 'same', 'empty', 'tags', 'value']);
    expect(Object.keys(definition.columns)).toEqual(['x', 'y']);
  });

  it('name the query that makes something of nested columns', () => {
    const nested = facts('meta', { type: undefined, sourceType: 'STRUCT(lang VARCHAR, size BIGINT)', distinct: 0, top: [] });
    const list = facts('tags', { type: undefined, sourceType: 'VARCHAR[]', distinct: 0, top: [] });
    expect(infer(facts('y'), [number('x'), nested, list]).leftOut.map(({ reason }) => reason.split('; ')[1])).toEqual([
      'a query of the source can: SELECT *, data."meta"."lang" AS "meta_lang" FROM data',
      'a query of the source can: SELECT *, len("tags") AS "tags_count" FROM data',
    ]);
  });

  it('follow the values: gaps, long tails, texts, unbounded categories, parts of times', () => {
    const { features } = infer(
      facts('y'),
      [
        number('gappy', { missing: 10 }),
        // Of lognormal and of exponential numbers.
        number('income', { quantiles: [300, 3000, 30_000, 306_000, 3_000_000] }),
        number('waiting', { quantiles: [0, 0.01, 0.69, 4.61, 12] }),
        facts('comment', { distinct: 990, words: 12 }),
        facts('city', { distinct: 3000 }),
        facts('born', times(false, ['year', 'month', 'dayOfMonth'])),
      ],
      { rows: 10_000 },
    ).definition;
    expect(features).toMatchObject({
      gappy: { kind: 'numeric', missingIndicator: true },
      income: { kind: 'numeric', scale: 'log' },
      waiting: { kind: 'numeric' },
      comment: { kind: 'text' },
      city: { kind: 'categorical', encoding: 'hashing' },
      'born year': { kind: 'calendar', part: 'year' },
      'born month': { kind: 'calendar', part: 'month' },
    });
    expect(features).not.toHaveProperty('born dayOfMonth');
    expect(features.waiting).not.toHaveProperty('scale');
  });

  it('take codes for categories, and no day of the week from dates that stand for a month', () => {
    const { features } = infer(facts('y'), [
      number('status_code', { type: 'integer', distinct: 5 }),
      number('bed_count', { type: 'integer', distinct: 5 }),
      facts('month', times(false, ['year', 'month', 'dayOfWeek'])),
    ]).definition;
    expect(features).toMatchObject({ status_code: { kind: 'categorical' }, bed_count: { kind: 'numeric' } });
    expect(Object.keys(features)).toEqual(['status_code', 'bed_count', 'month year', 'month month']);
  });

  it('leave out whole numbers that count the rows, whatever they are called', () => {
    const counter = number('n', { type: 'integer', distinct: rows, quantiles: [1, 10, 500, 990, rows] });
    expect(infer(facts('y'), [number('x'), counter]).leftOut).toEqual([{ column: 'n', reason: 'it numbers the rows' }]);
  });

  it('are needed: a data set without any is refused', () => {
    expect(failure(() => infer(facts('y'), [facts('same', { distinct: 1, top: top('a') })]))).toMatch(/No column can be a feature.*"same"/);
  });
});

describe('the split of an inferred pipeline', () => {
  it('goes by time when the rows are a log, and leaves the year out', () => {
    const { definition } = infer(facts('y'), [number('x'), facts('at', times(true, ['year', 'month']))]);
    expect(definition.split).toEqual({
      kind: 'time',
      column: 'at',
      train: { from: '2020-01-01', until: '2020-09-12' },
      validation: { from: '2020-09-12', until: '2020-11-06' },
      test: { from: '2020-11-06', until: '2021-01-01' },
    });
    expect(Object.keys(definition.features)).toEqual(['x', 'at month']);
  });

  it('keeps the rows of a person together, and folds as it splits', () => {
    const { definition, leftOut } = infer(facts('y'), [number('x'), facts('customer_id', { distinct: 200 })]);
    expect(definition.split).toMatchObject({ kind: 'group', columns: ['customer_id'] });
    expect(definition.crossValidation).toEqual({ kind: 'k-fold', folds: 5 });
    expect(leftOut.map(({ column }) => column)).toEqual(['customer_id']);
    const products = infer(facts('y'), [number('x'), facts('product_id', { distinct: 200 })]);
    expect(products.definition.split.kind).toBe('random');
    expect(products.remarks.get('split')).toMatch(/"product_id" occur in several rows/);
  });

  it('is at random otherwise, stratified for classes', () => {
    expect(infer(facts('y'), [number('x'), facts('at', times(false, ['month']))]).definition.split).toMatchObject({
      kind: 'random',
      stratify: true,
    });
    expect(infer(number('y')).definition.split).not.toHaveProperty('stratify');
  });
});

describe('the training of an inferred pipeline', () => {
  it('cross-validates few rows, and weighs rare classes', () => {
    const skewed = facts('y', {
      distinct: 2,
      top: [
        { value: 'no', rows: 950 },
        { value: 'yes', rows: 50 },
      ],
    });
    const { definition } = infer(skewed);
    expect(definition.crossValidation).toMatchObject({ kind: 'k-fold', stratify: true });
    expect(definition.training!.classWeights).toBe('balanced');
    const large = infer(facts('y'), undefined, { rows: 1_000_000 }).definition;
    expect(large.crossValidation).toBeUndefined();
    expect(large.training!.batchSize).toBe(2048);
  });

  it('waits for some steps, however few rows an epoch has', () => {
    const { batchSize, earlyStopping } = infer(facts('y'), undefined, { rows: 44 }).definition.training!;
    expect(batchSize).toBe(8);
    expect(earlyStopping).toEqual({ patience: 50 });
  });

  it('is refused below 30 rows', () => {
    expect(failure(() => infer(facts('y'), undefined, { rows: 29 }))).toMatch(/There are 29 rows. At least 30/);
    expect(failure(() => infer(facts('y'), undefined, { rows: 1 }))).toMatch(/There is 1 row. At least 30/);
  });
});
