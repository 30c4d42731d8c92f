import { join } from 'node:path';
import type { ListedFile } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { FileSource, ImageSource } from '../../../contracts/pipeline/source.js';
import type { DataContext } from '../data-context.js';
import { compressionOf, contentOf } from '../ingest/compression.js';
import { fileNamePatterns } from '../ingest/file-name-patterns.js';
import { listFiles } from '../ingest/list-files.js';
import { filePattern } from '../ingest/place.js';
import { walkFolder } from '../ingest/walk-folder.js';
import { candidatePaths, resolveSourcePath, statOf, unavailable } from '../ingest/source-file.js';
import { formatOfContent, formatOfName } from './source-format.js';

type Format = FileSource['format'] | ImageSource['format'];

/** A file on this machine, under the name that the source has for it. */
export interface LocalSample {
  readonly uri: string;
  readonly path: string;
}

export interface SurveyedPlaces {
  /** The places as the source has to name them. */
  readonly uri: string | string[];
  readonly format: Format;
  /** Some of the files, from which the rest is learned; of tables one. */
  readonly samples: readonly LocalSample[];
  /** What of the folder is read, where that is not all of it. */
  readonly remark?: string;
}

type Access = Pick<DataContext, 'remote' | 'signal'>;

/** There is no pipeline yet that could name them. */
const writtenIn = 'the path';
/** So many images tell of what size they are. */
const sampledImages = 200;
const sampledRemoteImages = 20;
/** As much of a file as tells its format. */
const startBytes = 4096;
const anyFile = '**';
/** Files that are not read are told of so far. */
const namedFiles = 3;
/** Folders so called divide the rows, and are no classes. */
const partName = /^(train(ing)?|test(ing)?|val(id(ation)?)?|dev)$/i;

/**
 * Find out what lies at the places that a user names: a file, a folder, a pattern, or several of these, here or in S3.
 *
 * Of a folder the files of one format are read, of which there is most; where no name tells a format, the content does.
 *
 * @param wanted the format, where the user says it
 * @param scratch directory that remote files are fetched into
 * @throws AnnealError `SourceUnavailable` when there is nothing to read
 */
export async function surveyPlaces(
  places: readonly string[],
  wanted: FileSource['format'] | undefined,
  projectRoot: string,
  scratch: string,
  context: Access,
): Promise<SurveyedPlaces> {
  const surveyed = [];
  for (const place of places)
    surveyed.push(await surveyPlace(place, wanted, projectRoot, join(scratch, `place-${surveyed.length}`), context));
  const [first, ...others] = surveyed;
  const other = others.find(({ format }) => format !== first.format);
  if (other)
    throw unavailable(
      [other.uri].flat()[0],
      `it holds ${other.format}, and "${[first.uri].flat()[0]}" holds ${first.format}`,
      'The files of a source have one format. Give those of one, or join them by a query (docs/pipelines.md, Sources).',
    );
  return others.length === 0 ? first : { ...first, uri: surveyed.flatMap(({ uri }) => uri) };
}

async function surveyPlace(
  place: string,
  wanted: FileSource['format'] | undefined,
  projectRoot: string,
  scratch: string,
  context: Access,
): Promise<SurveyedPlaces> {
  const folder = place.replace(/\/+$/, '');
  const directory = await folderAt(place, projectRoot, context);
  const isFolder = directory !== undefined;
  const files = await filesAt(place, directory, projectRoot, context);
  const chosen = wanted ? { format: wanted, files } : formatOfMost(files);
  const local = (file: ListedFile, i = 0): Promise<LocalSample> => bring(file, projectRoot, `${scratch}-${i}`, context);
  if (!chosen) {
    // No name tells a format: the largest file does by its content, and those with its ending are read.
    const largest = files.reduce((a, b) => (b.sizeBytes > a.sizeBytes ? b : a));
    const sample = await local(largest);
    const format = formatOfName(largest.uri) ?? formatOfContent(await startOf(sample));
    const ending = /\.[^./]+(\.(gz|zstd?))?$/i.exec(largest.uri)?.[0] ?? '';
    const uri = isFolder ? `${folder}/**/*${ending}` : place;
    const remark = isFolder ? `No name of a file tells its format; ${largest.uri} is ${format} by its content.` : undefined;
    return { uri, format, samples: [sample], ...(remark === undefined ? {} : { remark }) };
  }
  const { format } = chosen;
  if (format === 'images') assertClasses(chosen.files, folder);
  const read = new Set(chosen.files);
  const others = files.filter((file) => !read.has(file)).map(({ uri }) => JSON.stringify(uri.slice(isFolder ? folder.length + 1 : 0)));
  const shown = others.slice(0, namedFiles).join(', ');
  const remark =
    isFolder && others.length > 0
      ? `Of the folder’s ${files.length} files the ${chosen.files.length} of format ${format} are read, and not ${shown}${others.length > namedFiles ? ` and ${others.length - namedFiles} more` : ''}.`
      : undefined;
  const samples =
    format === 'images'
      ? evenly(chosen.files, place.startsWith('s3:') ? sampledRemoteImages : sampledImages)
      : [chosen.files.find(({ uri }) => fileNamePatterns[format].pattern.test(uri)) ?? chosen.files[0]];
  return { uri: place, format, samples: await Promise.all(samples.map(local)), ...(remark === undefined ? {} : { remark }) };
}

/** @returns the local directory that a place means, or the place itself when it is a prefix in S3; undefined for a file or a pattern */
async function folderAt(place: string, projectRoot: string, { remote, signal }: Access): Promise<string | undefined> {
  if (place.startsWith('s3://')) {
    if (filePattern(place) || !remote) return undefined;
    const isFile = !place.endsWith('/') && (await remote.list(place, signal)).some(({ uri }) => uri === place);
    return isFile ? undefined : place;
  }
  for (const path of candidatePaths(place, projectRoot)) {
    const found = await statOf(place, path);
    if (found) return found.isDirectory() ? path : undefined;
  }
  return undefined;
}

/** The files of a place, whatever their format. */
async function filesAt(place: string, directory: string | undefined, projectRoot: string, access: Access): Promise<readonly ListedFile[]> {
  const folder = place.replace(/\/+$/, '');
  if (directory !== undefined && !place.startsWith('s3://')) {
    const found = await walkFolder(place, directory, { matches: () => true, depth: Number.POSITIVE_INFINITY, hasUnderscore: false });
    const files = found.filter(({ sizeBytes }) => sizeBytes > 0).map(({ name, sizeBytes }) => ({ uri: `${folder}/${name}`, sizeBytes }));
    if (files.length > 0) return files;
    throw unavailable(place, 'the directory has no file with anything in it', 'Put the files there, or give another one.');
  }
  const uri = directory === undefined ? place : `${folder}/${anyFile}`;
  return (await listFiles({ format: 'csv', uri, hivePartitions: 'ignore' }, { projectRoot, writtenIn, ...access })).files;
}

/** The format of which there are most bytes, among what names tell; undefined when they tell none. */
function formatOfMost(files: readonly ListedFile[]): { readonly format: Format; readonly files: readonly ListedFile[] } | undefined {
  const groups = (Object.keys(fileNamePatterns) as Format[])
    // Files of either kind of JSON are called alike, and as `json` both are read.
    .filter((format) => format !== 'ndjson')
    .map((format) => {
      const of = files.filter(({ uri }) => fileNamePatterns[format].pattern.test(uri));
      return { format, files: of, sizeBytes: of.reduce((sum, file) => sum + file.sizeBytes, 0) };
    });
  const most = groups.reduce((a, b) => (b.sizeBytes > a.sizeBytes ? b : a));
  if (most.files.length === 0) return undefined;
  const isLines = most.format === 'json' && most.files.every(({ uri }) => formatOfName(uri) === 'ndjson');
  return { ...most, format: isLines ? 'ndjson' : most.format };
}

/** @throws AnnealError `InvalidData` when the folders below the place are the parts of a split, so that the classes lie deeper */
function assertClasses(files: readonly ListedFile[], folder: string): void {
  const names = new Set(files.map(({ uri }) => uri.slice(folder.length + 1).split('/')).map((path) => (path.length > 2 ? path[0] : '')));
  if (names.has('') || ![...names].every((name) => partName.test(name))) return;
  const found = [...names].sort();
  throw new AnnealError(
    failureTypes.invalidData,
    `No pipeline can be made of these data. The folder "${folder}" is divided into ${found.join(', ')}, and the folders of the classes lie in these: the class of an image would be "${found[0]}". Give the folder that holds one for each class, for example ${folder}/${found.find((name) => /^train/i.test(name)) ?? found[0]}; a run divides the images itself.`,
  );
}

/** In S3 a file is fetched. */
async function bring({ uri }: ListedFile, projectRoot: string, scratch: string, { remote, signal }: Access): Promise<LocalSample> {
  if (!uri.startsWith('s3://')) return { uri, path: await resolveSourcePath(uri, projectRoot, writtenIn) };
  await remote!.fetch(uri, scratch, signal);
  return { uri, path: scratch };
}

async function startOf({ uri, path }: LocalSample): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of contentOf(path, await compressionOf(uri, path))) {
    pieces.push(piece);
    length += piece.length;
    if (length >= startBytes) break;
  }
  return Buffer.concat(pieces).subarray(0, startBytes);
}

function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]);
}
