import { readdirSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { type FileSource, isImages, isQuery, sourceSpec } from '../contracts/pipeline/source.js';
import type { RemoteFiles } from '../contracts/remote-files.js';
import { fileNamePatterns } from '../ml/data/ingest/file-name-patterns.js';
import { listFiles } from '../ml/data/ingest/list-files.js';
import { filePattern, isHidden } from '../ml/data/ingest/place.js';
import { formatOfName } from '../ml/data/init/source-format.js';
import { CommandError, usageError } from './command-error.js';
import { parseAssignment } from './parse-assignment.js';

const inputFormats = ['parquet', 'csv', 'tsv', 'json', 'jsonl', 'arrow'] as const;
export type InputFormat = (typeof inputFormats)[number];
type TableFormat = FileSource['format'];

/**
 * The files that a batch job reads, as a pipeline's source says them.
 *
 * @param places files, folders, patterns; relative ones start here
 * @param format as the files are written; default: by their names
 * @param options `delimiter=;` and the like: what a pipeline's `source` takes for the format
 * @throws CommandError (usage)
 */
export function batchSource(places: readonly string[], format: string | undefined, options: readonly string[] = []): FileSource {
  if (format !== undefined && !inputFormats.includes(format as InputFormat))
    throw usageError(`"${format}" is not a format that a batch job reads. Give one of ${inputFormats.join(', ')}.`);
  const found = format === undefined ? formatAt(places[0]) : format === 'jsonl' ? 'ndjson' : format;
  if (found === undefined) throw untold(places[0]);
  const values = Object.fromEntries(options.map((option) => Object.values(parseAssignment(option)) as [string, unknown]));
  const parsed = sourceSpec.safeParse({ ...values, format: found, uri: places.map(absolute) });
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw usageError(`The input cannot be read so: ${problems.join('; ')}. Correct --input, --input-format or --source.`);
  }
  const { data } = parsed;
  if (isQuery(data) || isImages(data) || data.window)
    throw usageError('A batch job reads all rows of its files: --source takes neither a query nor a window.');
  return data;
}

/**
 * The format of the files below a prefix in S3, or that a pattern there means, by their names.
 *
 * @param place the first of those that a job reads
 * @returns undefined for a place that tells its format itself, or does not lie in S3
 * @throws CommandError when it cannot be listed, and (usage) when the names tell several formats or none
 */
export async function remoteInputFormat(place: string, remote: RemoteFiles): Promise<InputFormat | undefined> {
  if (!place.startsWith('s3://') || formatOfName(place) !== undefined) return undefined;
  const folder = place.replace(/\/+$/, '');
  const uri = filePattern(place) ? place : `${folder}/**/*`;
  const context = { projectRoot: process.cwd(), writtenIn: '--input', remote };
  const { files } = await listFiles({ format: 'csv', uri, hivePartitions: 'ignore' }, context).catch((error: unknown) => {
    const message = `The format of "${place}" was to be told by the names of its files. ${(error as Error).message} Or name it with --input-format ${inputFormats.join('|')}.`;
    throw new CommandError(message, undefined, { cause: error });
  });
  const format = formatOfNames(
    place,
    files.map((file) => file.uri.slice('s3://'.length)),
  );
  if (format === undefined) throw untold(place);
  return format === 'ndjson' ? 'jsonl' : format;
}

/** By the name of the place, or of the files in a folder. */
function formatAt(place: string): TableFormat | undefined {
  const named = formatOfName(place);
  if (named !== undefined || /^[a-z][a-z0-9+.-]*:/i.test(place)) return named;
  const path = resolve(place);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  return formatOfNames(place, readdirSync(path, { recursive: true, encoding: 'utf8' }));
}

/**
 * The one format in which files of such names are read from a folder.
 *
 * @throws CommandError (usage) when there are several: the files of one alone would be predicted
 */
function formatOfNames(place: string, names: readonly string[]): TableFormat | undefined {
  const seen = names.filter((name) => !name.split(/[\\/]/).some((segment) => isHidden(segment)));
  // Files of either kind of JSON are called alike, and as `json` both are read.
  const formats = (['parquet', 'csv', 'tsv', 'json', 'arrow'] as const)
    .map((format) => ({ format, names: seen.filter((name) => fileNamePatterns[format].pattern.test(name)) }))
    .filter(({ names: found }) => found.length > 0);
  if (formats.length > 1) {
    const counts = formats.map(({ format, names: { length } }) => `${length} ${format} file${length === 1 ? '' : 's'}`);
    throw usageError(
      `The format of "${place}" cannot be told by the names of its files: there are ${counts.join(' and ')}. Name the one to read with --input-format ${formats.map(({ format }) => format).join('|')}; a job reads files of one format.`,
    );
  }
  if (formats.length === 0) return undefined;
  const [{ format, names: read }] = formats;
  return format === 'json' && read.every((name) => formatOfName(name) === 'ndjson') ? 'ndjson' : format;
}

function untold(place: string): CommandError {
  return usageError(
    `The format of "${place}" cannot be told by its name. Name it with --input-format ${inputFormats.join('|')}, or check the path.`,
  );
}

/** A slash at the end stays: it says that a folder is meant. */
function absolute(uri: string): string {
  if (isAbsolute(uri) || /^[a-z][a-z0-9+.-]*:/i.test(uri)) return uri;
  return uri.endsWith('/') ? `${resolve(uri)}/` : resolve(uri);
}
