import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileSource } from '../../../contracts/pipeline/source.js';
import { type DataSession } from '../duckdb-session.js';
import { firstLine } from '../../first-line.js';
import { compressionOf, contentOf } from '../ingest/compression.js';
import { unavailable } from '../ingest/source-file.js';
import { textLiteral } from '../sql-quoting.js';
import { formatOfContent, formatOfName } from './source-format.js';

type Format = FileSource['format'];
/** What a pipeline says of a source beside its place; defaults are left out. */
export type SniffedSource = Pick<FileSource, 'format'> & Readonly<Record<string, unknown>>;

/** So much of a file tells its dialect. */
const headBytes = 1 << 20;

/**
 * Find out how a file is to be read: its format, and of a delimited text its dialect and encoding.
 *
 * @param uri what the user wrote
 * @param path the local file
 * @param column a name that the header should hold
 * @param wanted the format, where it is known; by default that of the name, else that of the content
 */
export async function sniffSource(
  session: DataSession,
  uri: string,
  path: string,
  column?: string,
  wanted?: Format,
): Promise<SniffedSource> {
  const head = await headOf(uri, path);
  const format = wanted ?? formatOfName(uri) ?? formatOfContent(head);
  if (format !== 'csv' && format !== 'tsv') return { format };
  const encoding = encodingOf(head);
  const text = wholeLines(new TextDecoder(encoding ?? 'utf-8').decode(head), head.length >= headBytes);
  const sample = join(session.scratch, 'head.csv');
  await writeFile(sample, text);
  const [found] = await session
    .rows(
      `SELECT Delimiter AS delimiter, Quote AS quote, "Comment" AS comment, SkipRows AS skip, HasHeader AS header FROM sniff_csv(${textLiteral(sample)})`,
    )
    // What cannot be sniffed is read by the defaults, whose error names the line.
    .catch((): Record<string, unknown>[] => [{}]);
  const skipRows = Number(found.skip ?? 0);
  const header = text.split(/\r?\n/, skipRows + 1)[skipRows] ?? '';
  // Where rows differ in length, some character that is nowhere divides all of them into one column.
  const sniffed = typeof found.delimiter === 'string' && header.includes(found.delimiter) ? found.delimiter : undefined;
  const delimiter = sniffed ?? (format === 'tsv' ? '\t' : ',');
  const hasHeader = found.header !== false || (column !== undefined && header.includes(column));
  const renamed = hasHeader && !header.includes('"') ? namesApart(header.split(delimiter)) : undefined;
  const isDefaultDelimiter = delimiter === (format === 'tsv' ? '\t' : ',');
  return {
    // A tab between the values is what `tsv` means.
    format: delimiter === '\t' ? 'tsv' : format,
    ...(isDefaultDelimiter || delimiter === '\t' ? {} : { delimiter }),
    ...(found.quote === "'" ? { quote: "'" } : {}),
    ...(typeof found.comment === 'string' && found.comment.length === 1 ? { comment: found.comment } : {}),
    ...(skipRows > 0 || renamed ? { skipRows: skipRows + (renamed ? 1 : 0) } : {}),
    ...(hasHeader && !renamed ? {} : { header: false }),
    ...(renamed ? { names: renamed } : {}),
    ...(encoding === undefined ? {} : { encoding }),
  };
}

/** Names of a header in which some are the same, made different; undefined where all differ. Upper and lower case are the same. Pure. */
function namesApart(header: readonly string[]): string[] | undefined {
  const given = header.map((name, i) => name.trim() || `column${i}`);
  const taken = new Set<string>();
  const names = given.map((name) => {
    let apart = name;
    for (let i = 2; taken.has(apart.toLowerCase()); i++) apart = `${name}_${i}`;
    taken.add(apart.toLowerCase());
    return apart;
  });
  return names.every((name, i) => name === given[i]) ? undefined : names;
}

async function headOf(uri: string, path: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  const compression = await compressionOf(uri, path);
  try {
    for await (const piece of contentOf(path, compression)) {
      pieces.push(piece);
      length += piece.length;
      if (length >= headBytes) break;
    }
  } catch (cause) {
    throw unavailable(uri, `it is not readable (${firstLine(cause)})`, 'The file may be cut short or damaged: write it again.', cause);
  }
  return Buffer.concat(pieces).subarray(0, headBytes);
}

/** @returns undefined for UTF-8 */
function encodingOf(head: Uint8Array): string | undefined {
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return 'utf-16';
  try {
    // A character may be cut at the end, which a stream forgives.
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return undefined;
  } catch {
    return 'windows-1252';
  }
}

function wholeLines(text: string, isCut: boolean): string {
  const end = isCut ? text.lastIndexOf('\n') : -1;
  return end > 0 ? text.slice(0, end + 1) : text;
}
