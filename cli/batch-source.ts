import { readdirSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { type FileSource, isImages, isQuery, sourceSpec } from '../contracts/pipeline/source.js';
import { formatOfName } from '../ml/data/init/source-format.js';
import { usageError } from './command-error.js';
import { parseAssignment } from './parse-assignment.js';

const inputFormats = ['parquet', 'csv', 'tsv', 'json', 'jsonl', 'arrow'] as const;
export type InputFormat = (typeof inputFormats)[number];

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
  if (found === undefined)
    throw usageError(
      `The format of "${places[0]}" cannot be told by its name. Name it with --input-format ${inputFormats.join('|')}, or check the path.`,
    );
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

/** By the name of the place, or of the first file in a folder that tells one. */
function formatAt(place: string): FileSource['format'] | undefined {
  const named = formatOfName(place);
  if (named !== undefined || /^[a-z][a-z0-9+.-]*:/i.test(place)) return named;
  const path = resolve(place);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return names.map(formatOfName).find((format) => format !== undefined);
}

/** A slash at the end stays: it says that a folder is meant. */
function absolute(uri: string): string {
  if (isAbsolute(uri) || /^[a-z][a-z0-9+.-]*:/i.test(uri)) return uri;
  return uri.endsWith('/') ? `${resolve(uri)}/` : resolve(uri);
}
