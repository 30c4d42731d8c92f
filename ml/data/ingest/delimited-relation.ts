import { join } from 'node:path';
import type { DelimitedSource } from '../../../contracts/pipeline/source.js';
import type { DataSession } from '../duckdb-session.js';
import { unavailable } from './source-file.js';
import { pathLiteral, textLiteral } from '../sql-quoting.js';
import { compressionOf } from './compression.js';
import { decodeText, isUtf8 } from './decode-text.js';
import { delimitedColumns } from './delimited-columns.js';
import { firstLines } from './first-lines.js';
import { assertLastLineIsRead } from './last-line.js';

/** A file as a relation of SQL. */
export interface Relation {
  readonly sql: string;
  /** Lines that were taken off before DuckDB counts them. */
  readonly skippedLines?: number;
  /** Sees, beside the reading, that nothing of the file is overlooked. */
  readonly verify?: () => Promise<void>;
}

/**
 * A CSV or TSV file as a relation of text columns: only the pipeline knows which of them are numbers ("01234" may be a
 * postal code).
 *
 * @param name of files that are written to the session's scratch directory
 * @throws AnnealError `SourceUnavailable` for a header, an encoding or a compression that is not as the source says
 */
export async function delimitedRelation(
  session: DataSession,
  source: DelimitedSource,
  { uri, path }: { readonly uri: string; readonly path: string },
  name: string,
  signal?: AbortSignal,
): Promise<Relation> {
  const { encoding = 'utf-8', skipRows = 0, quote = '"', comment } = source;
  const dialect = {
    delimiter: source.delimiter ?? (source.format === 'tsv' ? '\t' : ','),
    quote,
    escape: source.escape ?? quote,
    ...(comment === undefined ? {} : { comment }),
  };
  let compression = await compressionOf(uri, path, source.compression);
  let readable = path;
  let skippedLines = skipRows;
  // DuckDB takes quotes in the lines that are skipped for quotes of the data.
  if (!isUtf8(encoding) || skipRows > 0) {
    readable = join(session.scratch, `${name}.txt`);
    await decodeText({ uri, path, compression, encoding, skipRows }, readable, signal);
    compression = 'none';
  }
  const start = await firstLines(uri, readable, compression, signal);
  let { lines } = start;
  const blank = lines.findIndex((line) => line !== '');
  if (blank > 0) {
    // DuckDB takes a blank line before the header for the header.
    const skipped = join(session.scratch, `${name}.unblanked.txt`);
    await decodeText({ uri, path: readable, compression, encoding: 'utf-8', skipRows: blank }, skipped, signal);
    readable = skipped;
    compression = 'none';
    lines = lines.slice(blank);
    skippedLines += blank;
  }
  // DuckDB does not come back from such a file.
  if (start.hasBareReturns && dialect.delimiter.length > 1)
    throw unavailable(
      uri,
      'its lines end by a carriage return alone, and its delimiter has more than one character',
      'Write it with the line ends \\n.',
    );
  const columns = delimitedColumns(uri, lines, dialect, source);
  refuseOtherDelimiter(uri, columns, dialect.delimiter);
  const nullTexts = ['', ...[source.nullText ?? []].flat()].map(textLiteral);
  const options = [
    'auto_detect = false',
    `columns = {${columns.map((column) => `${textLiteral(column)}: 'VARCHAR'`).join(', ')}}`,
    `header = ${source.header ?? true}`,
    `delim = ${textLiteral(dialect.delimiter)}`,
    `quote = ${textLiteral(dialect.quote)}`,
    `escape = ${textLiteral(dialect.escape)}`,
    `nullstr = [${nullTexts.join(', ')}]`,
    `compression = '${compression}'`,
    'hive_partitioning = false',
    ...(comment === undefined ? [] : [`comment = ${textLiteral(comment)}`]),
    // Which rows are short cannot be told in parallel, where a quoted value may hold a line end.
    ...(source.ragged === 'pad' ? ['null_padding = true', 'parallel = false'] : []),
  ];
  return {
    sql: `read_csv(${pathLiteral(readable)}, ${options.join(', ')})`,
    verify: () => assertLastLineIsRead(uri, readable, compression, signal),
    ...(skippedLines > 0 ? { skippedLines } : {}),
  };
}

/** One column whose name holds what separates columns elsewhere: not what anybody meant. */
function refuseOtherDelimiter(uri: string, columns: readonly string[], delimiter: string): void {
  const other = columns.length === 1 ? [';', '\t', '|', ','].find((candidate) => columns[0].includes(candidate)) : undefined;
  if (other === undefined || other === delimiter) return;
  throw unavailable(
    uri,
    `with the delimiter ${JSON.stringify(delimiter)} it has the single column ${JSON.stringify(columns[0].slice(0, 100))}`,
    `Set source.delimiter, probably to ${JSON.stringify(other)}.`,
  );
}
