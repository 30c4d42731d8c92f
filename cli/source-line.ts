import type { PipelineInput } from '../contracts/pipeline.js';

const delimiters: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars', ' ': 'blanks' };

interface Dialect {
  readonly format: string;
  readonly encoding: string;
  readonly delimiter: string;
  readonly quote: string;
  readonly comment: string;
  readonly skipRows: number;
  readonly header: boolean;
  readonly names: readonly string[];
  readonly sources: Readonly<Record<string, PipelineInput['source']>>;
}

/**
 * How a source is read, in a line: `csv in windows-1252, divided by semicolons, after 2 lines that are left out`.
 *
 * Pure. Of a query its sources are told.
 */
export function sourceLine(source: PipelineInput['source']): string {
  const given: Partial<Dialect> = source;
  if (given.sources !== undefined) return Object.values(given.sources).map(sourceLine).concat('through a query').join(', ');
  const { format, encoding, delimiter, quote, comment, skipRows, header, names } = given;
  if (format !== 'csv' && format !== 'tsv') return format ?? 'unknown';
  const divider = delimiter ?? (format === 'tsv' ? '\t' : ',');
  return [
    `${format} in ${encoding === undefined ? 'UTF-8' : encoding}`,
    `divided by ${delimiters[divider] ?? JSON.stringify(divider)}`,
    ...(quote === undefined ? [] : [`quoted by ${quote}`]),
    ...(comment === undefined ? [] : [`with comments after ${comment}`]),
    ...(skipRows === undefined || skipRows === 0
      ? []
      : [`after ${skipRows} line${skipRows === 1 ? '' : 's'} that ${skipRows === 1 ? 'is' : 'are'} left out`]),
    ...(header === false && names === undefined ? ['without a header'] : []),
  ].join(', ');
}
