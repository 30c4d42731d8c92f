import type { PipelineInput } from '../contracts/pipeline.js';

const delimiters: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'bars', ' ': 'blanks' };

/**
 * How a source is read, in a line: `csv in windows-1252, divided by semicolons, after 2 lines that are left out`.
 *
 * Pure. Of a query its sources are told.
 */
export function sourceLine(source: PipelineInput['source']): string {
  const given = source as Readonly<Record<string, unknown>>;
  if (given.sources !== undefined)
    return Object.values(given.sources as Readonly<Record<string, PipelineInput['source']>>)
      .map(sourceLine)
      .concat('through a query')
      .join(', ');
  const { format, encoding, delimiter, quote, comment, skipRows, header, names } = given;
  if (format !== 'csv' && format !== 'tsv') return String(format);
  const divider = String(delimiter ?? (format === 'tsv' ? '\t' : ','));
  return [
    `${format} in ${encoding === undefined ? 'UTF-8' : String(encoding)}`,
    `divided by ${delimiters[divider] ?? JSON.stringify(divider)}`,
    ...(quote === undefined ? [] : [`quoted by ${String(quote)}`]),
    ...(comment === undefined ? [] : [`with comments after ${String(comment)}`]),
    ...(skipRows === undefined || skipRows === 0
      ? []
      : [`after ${String(skipRows)} line${skipRows === 1 ? '' : 's'} that ${skipRows === 1 ? 'is' : 'are'} left out`]),
    ...(header === false && names === undefined ? ['without a header'] : []),
  ].join(', ');
}
