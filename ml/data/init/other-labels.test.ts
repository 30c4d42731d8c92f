import { describe, expect, it } from '@jest/globals';
import { definePipeline, type PipelineInput } from '../../../contracts/pipeline.js';
import type { ColumnFacts } from './column-facts.js';
import { inferPipeline } from './infer-pipeline.js';
import { otherLabelsRemark } from './other-labels.js';

const rows = 1000;
const column = (name: string, changes: Partial<ColumnFacts> = {}): ColumnFacts => ({
  name,
  sourceType: 'VARCHAR',
  missing: 0,
  unreadable: 0,
  distinct: 2,
  type: 'integer',
  quantiles: [0, 0, 0, 1, 1],
  top: [
    { value: '0', rows: 700 },
    { value: '1', rows: 300 },
  ],
  ...changes,
});
const boolean = (name: string): ColumnFacts =>
  column(name, {
    type: 'boolean',
    quantiles: undefined,
    top: [
      { value: 'false', rows: 600 },
      { value: 'true', rows: 400 },
    ],
  });
const number = (name: string): ColumnFacts =>
  column(name, { type: 'float', distinct: 500, quantiles: [0, 1, 10, 20, 30], top: [{ value: '1.5', rows: 2 }] });
const text = column('y', {
  type: 'string',
  words: 1,
  top: [
    { value: 'no', rows: 700 },
    { value: 'yes', rows: 300 },
  ],
});

const mentioned = (target: ColumnFacts, ...others: ColumnFacts[]): string[] =>
  [
    ...(otherLabelsRemark(target, [...others, target])
      ?.split(' true or false')[0]
      .matchAll(/"([^"]+)"/g) ?? []),
  ].map(([, name]) => name);

describe('otherLabelsRemark', () => {
  it.each<[string, string[], string[]]>([
    ['is_spam', ['is_rude', 'weekend'], ['is_rude']],
    ['toxic', ['severe_toxic', 'flag'], ['severe_toxic']],
    ['label1', ['label2', 'label3'], ['label2', 'label3']],
    ['hasRain', ['hasFrost'], ['hasFrost']],
    ['rain', ['wind', 'frost'], ['wind', 'frost']],
    ['rain', ['weekend'], []],
    ['rain', [], []],
  ])('of %s beside %j mentions %j', (target, others, expected) => {
    expect(mentioned(column(target), number('x'), ...others.map((name) => column(name)))).toEqual(expected);
  });

  it('takes booleans for labels, and neither texts nor hosts of columns of two values', () => {
    expect(mentioned(boolean('a'), column('b'), boolean('c'))).toEqual(['b', 'c']);
    expect(mentioned(text, column('b'), boolean('c'))).toEqual([]);
    expect(mentioned(column('a'), ...Array.from({ length: 30 }, (_, i) => column(`color${i}`)))).toEqual([]);
  });
});

describe('inferPipeline of data with several columns that look like labels', () => {
  const others = [number('x'), column('wind'), boolean("frost's")];
  const { definition, remarks } = inferPipeline({
    name: 'made',
    source: { format: 'csv', uri: 'made.csv' },
    target: 'rain',
    rows,
    columns: [...others, column('rain')],
  });

  it('drafts one, and says how all of them are learned, in words that make a valid pipeline', () => {
    expect(definition.target).toMatchObject({ task: 'binary', name: 'rain' });
    const said = /target: (\{.*\}), with each in columns and none in features/.exec(remarks.get('target')!)?.[1];
    expect(said).toBe(
      `{ task: 'multilabel', name: 'labels', labels: { rain: '"rain" = 1', wind: '"wind" = 1', 'frost\\'s': '"frost\\'s"' } }`,
    );
    const target = {
      task: 'multilabel',
      name: 'labels',
      labels: { rain: '"rain" = 1', wind: '"wind" = 1', "frost's": `"frost's"` },
    } as const;
    const { x } = definition.features;
    const changed: PipelineInput = { ...definition, target, features: { x } };
    expect(definePipeline(changed).target).toMatchObject({ task: 'multilabel' });
  });

  it('says nothing of it where the target is of another kind', () => {
    const { remarks: ofNumber } = inferPipeline({
      name: 'made',
      source: { format: 'csv', uri: 'made.csv' },
      target: 'x',
      rows,
      columns: [...others, column('rain')],
    });
    expect(ofNumber.get('target')).not.toContain('multilabel');
  });
});
