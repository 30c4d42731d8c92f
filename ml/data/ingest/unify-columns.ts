import type { IngestedFile, SnapshotColumn, SnapshotManifest } from '../../../contracts/dataset.js';
import { type FileSource, type ImageSource, isImages, type NamedSource } from '../../../contracts/pipeline/source.js';
import { unavailable } from './source-file.js';
import { commonType } from './common-type.js';

export const typings: Readonly<Record<FileSource['format'] | ImageSource['format'], SnapshotManifest['typing']>> = {
  parquet: 'strong',
  arrow: 'strong',
  images: 'strong',
  csv: 'text',
  tsv: 'text',
  json: 'json',
  ndjson: 'json',
};

/**
 * The columns of all files together: those of the first, then what others have besides, each in a type that holds the
 * values of all.
 *
 * @throws AnnealError `SourceUnavailable` when a file lacks a column or has another (unless `unionByName`), or when types
 *   do not go together
 */
export function unifyColumns(source: FileSource | ImageSource | NamedSource, files: readonly IngestedFile[]): SnapshotColumn[] {
  const typing = typings[source.format];
  const [first] = files;
  if (isImages(source)) return [...first.columns];
  const unified = new Map<string, { type: string; uri: string }>();
  for (const file of files) {
    if (!source.unionByName) assertSameColumns(first, file);
    for (const { name, type } of file.columns) {
      const known = unified.get(name);
      const common = known ? commonType(known.type, type, typing) : type;
      if (common === undefined)
        throw unavailable(
          file.source.uri,
          `its column "${name}" is of type ${type}, and in "${known!.uri}" it is ${known!.type}`,
          'Write the files with one type, or read them by a query that casts them (source.query).',
        );
      unified.set(name, { type: common, uri: known?.uri ?? file.source.uri });
    }
  }
  const folders = source.hivePartitions === 'text' || typing === 'text' ? new Map<string, string>() : folderTypes(files);
  return [...unified].map(([name, { type }]) => ({ name, type: folders.get(name) ?? type }));
}

function assertSameColumns(first: IngestedFile, file: IngestedFile): void {
  const names = (of: IngestedFile) => new Set(of.columns.map(({ name }) => name));
  const [expected, found] = [names(first), names(file)];
  const lacking = [...expected].filter((name) => !found.has(name));
  const other = [...found].filter((name) => !expected.has(name));
  if (lacking.length === 0 && other.length === 0) return;
  const listed = (columns: string[]) =>
    columns
      .slice(0, 10)
      .map((name) => `"${name}"`)
      .join(', ') + (columns.length > 10 ? `, and ${columns.length - 10} more` : '');
  const differences = [
    ...(lacking.length > 0 ? [`it lacks ${listed(lacking)}`] : []),
    ...(other.length > 0 ? [`it has ${listed(other)} besides`] : []),
  ];
  throw unavailable(
    file.source.uri,
    `its columns are not those of "${first.source.uri}": ${differences.join(', and ')}`,
    'Leave the file out, or set source.unionByName to true, which takes what a file lacks for missing.',
  );
}

/** The types of columns that are nothing but the names of folders, where all names are numbers or dates. */
function folderTypes(files: readonly IngestedFile[]): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const key of new Set(files.flatMap(({ partition }) => Object.keys(partition ?? {})))) {
    // A file may have a column of the name itself, which then is not text alone.
    if (!files.every(({ partition, columns }) => columns.find(({ name }) => name === key)?.type !== undefined && partition)) continue;
    if (!files.every(({ columns }) => columns.find(({ name }) => name === key)?.type === 'VARCHAR')) continue;
    const values = files.flatMap(({ partition }) => partition?.[key] ?? []);
    if (values.length === 0) continue;
    if (values.every((value) => /^[+-]?\d{1,18}$/.test(value))) types.set(key, 'BIGINT');
    else if (values.every((value) => /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value)))) types.set(key, 'DATE');
  }
  return types;
}
