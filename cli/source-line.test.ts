import { describe, expect, it } from '@jest/globals';
import { sourceLine } from './source-line.js';

describe('sourceLine', () => {
  it('says format, encoding and dialect, given or by default', () => {
    expect(sourceLine({ format: 'csv', uri: 'a.csv' })).toBe('csv in UTF-8, divided by commas');
    expect(sourceLine({ format: 'tsv', uri: 'a.tsv', header: false })).toBe('tsv in UTF-8, divided by tabs, without a header');
    expect(sourceLine({ format: 'csv', uri: 'a.csv', delimiter: ';', encoding: 'windows-1252', skipRows: 2 })).toBe(
      'csv in windows-1252, divided by semicolons, after 2 lines that are left out',
    );
    expect(sourceLine({ format: 'parquet', uri: 'a.parquet' })).toBe('parquet');
  });

  it('tells what a query reads', () => {
    const source = { query: 'SELECT * FROM data', sources: { data: { format: 'csv' as const, uri: 'a.csv', delimiter: '|' } } };
    expect(sourceLine(source)).toBe('csv in UTF-8, divided by bars, through a query');
  });
});
