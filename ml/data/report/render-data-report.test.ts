import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ColumnStatistics, ValidationReport } from '../../../contracts/dataset.js';
import { definePipeline } from '../../../contracts/pipeline.js';
import { escapeHtml } from './html.js';
import { renderDataReport } from './render-data-report.js';

const spec = definePipeline({
  name: 'toy',
  source: { format: 'csv', uri: 'a.csv' },
  columns: { x: { type: 'float' } },
  target: { task: 'binary', name: 'late', expression: 'x > 1', classes: ['on <time>', 'late'] },
  split: { kind: 'random' },
  features: { x: { kind: 'numeric', column: 'x' } },
  model: { family: 'linear' },
});

const part = { rows: 10, missing: 1, distinct: 3, min: -1.5, max: 3e15, mean: 0.5, standardDeviation: 1, zeros: 2 };
const figures = { ...part, quantiles: [0, 0, 1, 2, 3, 4, 5], histogram: [3, 6, 0] };
const number = (column: string): ColumnStatistics => ({
  column,
  type: 'float',
  ...figures,
  histogramEdges: [-1.5, 0, 2, 3e15],
  splits: { train: figures, validation: { ...figures, histogram: [0, 0, 9] }, test: { rows: 0, missing: 0 } },
  mutualInformation: { nats: 0.2, normalized: 0.3 },
});
const text = (column: string, value: string): ColumnStatistics => ({
  column,
  type: 'string',
  rows: 10,
  missing: 2,
  distinct: 1,
  min: value,
  max: value,
  length: { min: 1, mean: 1, max: 1 },
  topValues: [{ value, rows: 8 }],
});
const reportOf = (statistics: readonly ColumnStatistics[], changes: Partial<ValidationReport> = {}): ValidationReport => ({
  passed: true,
  rows: 10,
  anomalies: [],
  quarantined: [],
  statistics,
  target: {},
  ...changes,
});

/** Names of the tags of a page, each once. */
function tagsOf(page: string): string[] {
  return [...new Set([...page.matchAll(/<([a-z0-9!]+)/g)].map(([, name]) => name))].toSorted((a, b) => a.localeCompare(b));
}

describe('renderDataReport', () => {
  it('leaves what the target is made of out of the ranking, and says so', () => {
    const page = renderDataReport(reportOf([{ ...number('delay'), isTargetSource: true }, number('distance')]), spec);
    const [ranking] = /What the columns tell about the target.*?<\/table>/s.exec(page)!;
    expect(ranking).toMatch(/The target itself is made of delay, which is left out/);
    expect([...ranking.matchAll(/<th scope="row">(\w+)/g)].map(([, name]) => name)).toEqual(['distance']);
    expect(page).toContain('the target is made of it');
  });

  it('shows splits, findings with a way out, the quarantine and the target by the names of its classes', () => {
    const target = {
      ...text('late', 'true'),
      type: 'boolean',
      topValues: [{ value: 'false', rows: 8 }],
      splits: { train: part, validation: part, test: part },
    };
    const page = renderDataReport(
      reportOf([number('x'), text('word', 'hello')], {
        passed: false,
        anomalies: [{ severity: 'error', rule: 'range', column: 'x', expected: 'min 0', found: 'a value beyond it in 7 of 10 rows' }],
        quarantined: [{ reason: 'x is below 0', rows: 7 }],
        targetStatistics: target,
      }),
      spec,
    );
    for (const shown of ['do not meet', 'x is below 0', 'min and max in columns', 'on &lt;time&gt;', 'hello', '30.0 %', 'median', '3e15'])
      expect(page).toContain(shown);
    expect(page.match(/<svg/g)).toHaveLength(1);
    expect(page.match(/<section class="card"/g)).toHaveLength(2);
  });

  it('makes no request and needs no script', () => {
    const page = renderDataReport(reportOf([number('x'), text('word', 'https://example.org/x.png')]), spec);
    expect(page).not.toMatch(/<(script|link|img|iframe|object|form)\b|\b(src|href|on[a-z]+)=|@import|url\(/i);
  });

  it('lets no name and no value become markup', () => {
    const plain = tagsOf(renderDataReport(reportOf([number('n'), text('name', 'value')], findingsOf('note')), spec));
    const hostile = fc.oneof(
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        "' onload='x",
        '</style><svg/onload=x>',
        '&lt;b&gt;',
        '\u0000<b>',
      ),
      fc.string({ unit: 'binary', maxLength: 300 }),
    );
    fc.assert(
      fc.property(hostile, (value) => {
        const page = renderDataReport(reportOf([number(value), text(value, value)], findingsOf(value)), { ...spec, description: value });
        expect(tagsOf(page).filter((tag) => !plain.includes(tag) && tag !== 'i')).toEqual([]);
        // Quotes are in the page's own markup only, so what is left of a tag without its values is what the page gives it.
        expect(page.replaceAll(/="[^"]*"/g, '=')).not.toMatch(/<[a-z][^>]*\s(on[a-z]+|src|href)\s*=/i);
      }),
    );
  });

  it('shows columns without values, with one value, and images', () => {
    const empty: ColumnStatistics = { column: 'empty', type: 'float', rows: 10, missing: 10, distinct: 0 };
    const constant: ColumnStatistics = {
      column: 'one',
      type: 'integer',
      rows: 1,
      missing: 0,
      distinct: 1,
      min: 7,
      max: 7,
      histogramEdges: [7, 7],
      histogram: [1],
    };
    const image: ColumnStatistics = {
      column: 'picture',
      type: 'image',
      rows: 10,
      missing: 0,
      length: { min: 10, mean: 1500, max: 2_000_000 },
    };
    const page = renderDataReport(reportOf([empty, constant, image]), spec);
    expect(page).toContain('100 % missing (10)');
    expect(page).toContain('10 B to 2.00 MB, mean 1.50 kB');
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
    expect(renderDataReport(reportOf([], { rows: 0 }), spec)).toContain('Findings');
  });

  it('stays below 2 MB with thousands of columns of long values, and keeps the columns with findings', () => {
    const long = '<&"'.repeat(400);
    const columns = Array.from({ length: 5000 }, (_, i) =>
      i % 2 === 0
        ? { ...number(`${long}${i}`), mutualInformation: undefined }
        : { ...text(`c${i}`, long), topValues: Array.from({ length: 50 }, (_v, v) => ({ value: `${long}${v}`, rows: 1 })) },
    );
    const anomalies = columns.map(({ column }) => ({ severity: 'warn', rule: 'drift', column, expected: long, found: long }) as const);
    const page = renderDataReport(
      reportOf(columns, { anomalies: [...anomalies, { severity: 'error', rule: 'range', column: 'c4999', expected: '', found: '' }] }),
      spec,
    );
    expect(Buffer.byteLength(page)).toBeLessThan(2_200_000);
    expect(page.indexOf('class="severity error"')).toBeLessThan(page.indexOf('class="severity warn"'));
    const one = renderDataReport(
      reportOf(columns, { anomalies: [{ severity: 'error', rule: 'range', column: 'c4999', expected: '', found: '' }] }),
      spec,
    );
    expect(one).toMatch(/<h3>c4999 /);
  });

  it('gives equal pages for equal reports', () => {
    expect(renderDataReport(reportOf([number('x')]), spec)).toBe(renderDataReport(reportOf([number('x')]), spec));
  });
});

function findingsOf(note: string): Partial<ValidationReport> {
  return {
    anomalies: [{ severity: 'warn', rule: note, column: note, expected: note, found: note }],
    quarantined: [{ reason: note, rows: 1 }],
    targetStatistics: text(note, note),
  };
}

describe('escapeHtml', () => {
  it('leaves nothing that ends a text or an attribute, and loses nothing that can be shown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const escaped = escapeHtml(value);
        expect(escaped).not.toMatch(/[<>"']/);
        const back = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' } as Record<string, string>;
        expect(escaped.replaceAll(/&(lt|gt|quot|#39|amp);/g, (entity) => back[entity])).toBe(value);
      }),
    );
  });
});
