import { z } from 'zod';
import { isQuery } from './describe-source.js';
import { columnName, imageChannels, imageSide } from './scalars.js';
import { windowSpec } from './window.js';

const uri = z.string().min(1).max(4096);

const files = {
  /**
   * Where the data are: a file, a folder (its files of the format, and those of the folders in it), a pattern
   * (`data/*.parquet`, `data/**\/*.csv`), or a list of these. Each a path (the command takes a relative one from the folder
   * where it is called), `file://…`, `npm:<package>/<path>` for what an installed npm package ships, or `s3://bucket/…`.
   * The files of a folder or pattern are read in the order of their names.
   */
  uri: z.union([uri, z.array(uri).min(1).max(1000)], { error: 'give a path or a list of paths' }),
  /** Columns that some of the files lack are missing values there. @default false: files with differing columns are an error */
  unionByName: z.boolean().optional(),
  /**
   * What the folders named `key=value` below the given one become: columns of whole numbers or dates where all values are
   * such (`typed`), of text (`text`), or nothing (`ignore`). A column of that name in the file itself comes first.
   * @default 'typed'
   */
  hivePartitions: z.enum(['typed', 'text', 'ignore']).optional(),
};

const textFiles = {
  ...files,
  /** @default 'auto': by the first bytes of the file and its name (`.gz`, `.zst`) */
  compression: z.enum(['auto', 'none', 'gzip', 'zstd']).optional(),
};

const oneCharacter = z.string().length(1, 'one character');

const delimitedFiles = {
  ...textFiles,
  /** @default a comma for `csv`, a tab for `tsv` */
  delimiter: z
    .string()
    .regex(/^[^\r\n\0]{1,4}$/, 'one to four characters, no line end')
    .optional(),
  /** Around values that hold a delimiter, a quote or a line end; `''` for none. @default '"' */
  quote: z.union([z.literal(''), oneCharacter]).optional(),
  /** Before a quote within quotes. @default the quote itself */
  escape: z.union([z.literal(''), oneCharacter]).optional(),
  /** Whether the first line names the columns. @default true; without it they are `column0`, `column1`, … or `names` */
  header: z.boolean().optional(),
  /** The columns' names where there is no header. */
  names: z.array(columnName).min(1).max(10_000).optional(),
  /** Lines that begin with it are left out. */
  comment: oneCharacter.optional(),
  /** Lines before the header that are left out. @default 0 */
  skipRows: z.number().int().min(0).max(1_000_000).optional(),
  /** What stands for a missing value, besides nothing. */
  nullText: z.union([z.string(), z.array(z.string()).min(1).max(100)]).optional(),
  /** A label of the WHATWG Encoding Standard (`utf-16`, `windows-1252`, `shift_jis`, …), or `latin-1`. @default 'utf-8' */
  encoding: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{1,40}$/, 'the name of an encoding, for example "windows-1252"')
    .optional(),
  /** A row with too few values: an error, or its last columns are missing. One with too many is always an error. @default 'error' */
  ragged: z.enum(['error', 'pad']).optional(),
};

const window = { window: windowSpec.optional() };

/** Types that a column of text can be given within a query. */
const types = { types: z.record(columnName, z.enum(['string', 'integer', 'float', 'boolean', 'timestamp', 'date'])).optional() };

const namesWithoutHeader = ({ header, names }: { readonly header?: boolean; readonly names?: readonly string[] }): boolean =>
  names === undefined || header === false;
const namesProblem = { error: 'names are for files without a header: set header to false', path: ['names'] };

/** A table that a query can name. */
const namedSource = z.discriminatedUnion('format', [
  z.strictObject({ format: z.enum(['csv', 'tsv']), ...delimitedFiles, ...types }).refine(namesWithoutHeader, namesProblem),
  z.strictObject({ format: z.enum(['json', 'ndjson']), ...textFiles }),
  z.strictObject({ format: z.enum(['parquet', 'arrow']), ...files }),
]);

const tableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'use letters, digits and underscores');

/** Images of one size, from folders: a row for each with `path`, `label`, `image` and `problem`. */
const imageFolder = z.strictObject({
  format: z.literal('images'),
  /**
   * A folder with one folder of PNG, JPEG, WebP or GIF files for each class, whose name is the label; also a pattern, a list,
   * `file://…`, `npm:…` or `s3://…`. An image that lies directly in the folder has no label.
   */
  uri: files.uri,
  height: imageSide,
  width: imageSide,
  /** 1 = grey, 3 = red, green, blue. @default 3 */
  channels: imageChannels.default(3),
  /** Images of other proportions are stretched, shown whole with black bars, or cut around their centre. @default 'fill' */
  fit: z.enum(['fill', 'contain', 'cover']).default('fill'),
  window: z.undefined({ error: 'images have no column of times' }).optional(),
});

/** Rows of files as they are, images, or the result of a SQL query over several. */
export const sourceSpec = z.discriminatedUnion('format', [
  z.strictObject({ format: z.enum(['csv', 'tsv']), ...delimitedFiles, ...window }).refine(namesWithoutHeader, namesProblem),
  z.strictObject({ format: z.enum(['json', 'ndjson']), ...textFiles, ...window }),
  z.strictObject({ format: z.enum(['parquet', 'arrow']), ...files, ...window }),
  imageFolder,
  z.strictObject({
    format: z.undefined().optional(),
    /** One SELECT in DuckDB's dialect over the names in `sources`; it can read nothing else. */
    query: z.string().min(1).max(100_000),
    /** Columns of CSV files are text within the query, unless the source's `types` say otherwise. */
    sources: z
      .record(tableName, namedSource)
      .refine((tables) => Object.keys(tables).length > 0, 'name at least one')
      .refine(
        (tables) => new Set(Object.keys(tables).map((name) => name.toLowerCase())).size === Object.keys(tables).length,
        'names must differ in more than upper and lower case',
      ),
    ...window,
  }),
]);

export { describeSource, isQuery, sourceUris } from './describe-source.js';

export type SourceSpec = z.output<typeof sourceSpec>;
export type QuerySource = Extract<SourceSpec, { query: string }>;
export type NamedSource = z.output<typeof namedSource>;
export type ImageSource = Extract<SourceSpec, { format: 'images' }>;
export type FileSource = Exclude<SourceSpec, QuerySource | ImageSource>;
export type DelimitedSource = Extract<NamedSource, { format: 'csv' | 'tsv' }>;

export function isImages(source: SourceSpec | NamedSource): source is ImageSource {
  return source.format === 'images';
}

/** @returns a copy of a source with each of its places replaced */
export function mapSourceUris<S extends SourceSpec>(source: S, replace: (uri: string) => string): S {
  const mapped = <F extends FileSource | ImageSource | NamedSource>(of: F): F => ({
    ...of,
    uri: typeof of.uri === 'string' ? replace(of.uri) : of.uri.map(replace),
  });
  if (!isQuery(source)) return mapped(source as FileSource | ImageSource) as S;
  return { ...source, sources: Object.fromEntries(Object.entries(source.sources).map(([name, table]) => [name, mapped(table)])) };
}
