import type { DelimitedSource } from '../../../contracts/pipeline/source.js';
import { unavailable } from './source-file.js';
import { firstRecord, type RecordDialect } from './first-record.js';

/**
 * The names of a delimited file's columns, by its header or by the pipeline.
 *
 * @param lines at the beginning of the file
 * @throws AnnealError `SourceUnavailable` when a name is there twice, or when the names do not fit the first row
 */
export function delimitedColumns(
  uri: string,
  lines: readonly string[],
  dialect: RecordDialect,
  { header = true, names }: DelimitedSource,
): string[] {
  const record = firstRecord(lines, dialect);
  if (!record) {
    if (lines.every((line) => line === ''))
      throw unavailable(uri, 'it has no rows', 'Check how the file was made: blank lines alone are nothing to learn from.');
    throw unavailable(
      uri,
      'a quote in its first row does not end',
      `Write the file again, or correct source.quote (it is ${JSON.stringify(dialect.quote)}).`,
    );
  }
  if (!header) return withoutHeader(uri, record.length, names);
  const columns = record.map((name, i) => (name.trim() === '' ? `column${i}` : name));
  const twice = columns.findIndex((name, i) => columns.findIndex((other) => other.toLowerCase() === name.toLowerCase()) < i);
  if (twice >= 0) {
    const first = columns.findIndex((name) => name.toLowerCase() === columns[twice].toLowerCase());
    throw unavailable(
      uri,
      `its header names the columns ${first + 1} and ${twice + 1} both "${columns[twice]}" (upper and lower case are the same)`,
      'Rename one of them, or set source.header to false, source.skipRows to 1 and give source.names.',
    );
  }
  return columns;
}

function withoutHeader(uri: string, count: number, names?: readonly string[]): string[] {
  if (!names) return Array.from({ length: count }, (_, i) => `column${i}`);
  if (names.length === count) return [...names];
  throw unavailable(
    uri,
    `its first row has ${count} value${count === 1 ? '' : 's'}, and source.names has ${names.length}`,
    'Correct source.names or source.delimiter.',
  );
}
