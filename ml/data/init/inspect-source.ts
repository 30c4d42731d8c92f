import type { Snapshot, SnapshotManifest } from '../../../contracts/dataset.js';
import { type FileSource, type ImageSource, isImages, sourceSpec, type SourceSpec } from '../../../contracts/pipeline/source.js';
import { withScratchDirectory } from '../../scratch-directory.js';
import type { DataContext } from '../data-context.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { ingestSource } from '../ingest/ingest-source.js';
import { type ColumnFacts, inspectColumns } from './column-facts.js';
import { imageShapeOf } from './image-shape-of.js';
import { mendSource } from './mend-source.js';
import { sentinelValues } from './sentinel-values.js';
import { sniffSource } from './sniff-source.js';
import { surveyPlaces } from './survey-places.js';
import { unusualValues, type UnusualValues } from './unusual-values.js';

export interface InspectedSource {
  /** As the pipeline says it, with the uri that the user wrote. */
  readonly source: SourceSpec;
  /** Why it is read so, where the file's name does not say it. */
  readonly remark?: string;
  /** The column that numbers the rows, where one was asked for. */
  readonly rowNumber?: string;
  readonly snapshot: Snapshot;
  readonly columns: readonly ColumnFacts[];
}

export interface InspectionRequest {
  /** Files, folders or patterns, here or in S3. */
  readonly places: readonly string[];
  readonly format?: FileSource['format'];
  /** A name that the header of a delimited text should hold. */
  readonly column?: string;
  /** Number the rows, from 1, in a column that no other is called. */
  readonly isNumbered?: boolean;
}

/**
 * Find out how a source is read, read it as a pipeline would, and look at its columns.
 *
 * @param projectRoot directory that relative paths and `npm:` names are resolved from
 * @throws AnnealError `SourceUnavailable` when it cannot be read, `InvalidData` when folders of images are no classes
 */
export async function inspectSource(request: InspectionRequest, projectRoot: string, context: DataContext): Promise<InspectedSource> {
  const { source, remark } = await sourceAt(request, projectRoot, context);
  const first = await look(source, request.column, projectRoot, context);
  const rowNumber = request.isNumbered ? unusedName('row_number', first.columns) : undefined;
  const mended = isImages(source) ? { source } : mendSource(source, first.unusual, rowNumber);
  const { snapshot, columns } = mended.source === source ? first : await look(mended.source, request.column, projectRoot, context);
  const told = join(remark, 'remark' in mended ? mended.remark : undefined);
  const named = { ...(told === undefined ? {} : { remark: told }), ...(rowNumber === undefined ? {} : { rowNumber }) };
  return { source: mended.source, snapshot, columns, ...named };
}

function unusedName(wanted: string, columns: readonly ColumnFacts[]): string {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
  return name;
}

async function look(
  source: SourceSpec,
  target: string | undefined,
  projectRoot: string,
  context: DataContext,
): Promise<{ readonly snapshot: Snapshot; readonly columns: ColumnFacts[]; readonly unusual: UnusualValues }> {
  const snapshot = await ingestSource(source, projectRoot, context);
  const manifest = await context.store.readJson<SnapshotManifest>(snapshot.manifest);
  const paths = await Promise.all(manifest.parts.map(({ data }) => context.store.localPath(data)));
  return withDataSession(context, async (session) => {
    context.onProgress?.({ phase: 'columns', totalRows: snapshot.rows });
    const columns = await inspectColumns(session, paths, manifest);
    return { snapshot, columns, unusual: await unusual(session, columns, source, manifest, target) };
  });
}

async function unusual(
  session: DataSession,
  columns: readonly ColumnFacts[],
  source: SourceSpec,
  { typing }: SnapshotManifest,
  target: string | undefined,
): Promise<UnusualValues> {
  const isDelimited = source.format === 'csv' || source.format === 'tsv';
  const hasDecimalComma = 'delimiter' in source && source.delimiter === ';';
  const { markers, writings, remarks = [] } = await unusualValues(session, columns, typing, { hasDecimalComma, isDelimited, target });
  const others = columns.filter(({ name }) => name !== target);
  const sentinels = await sentinelValues(session, others, { typing, isDelimited, writings });
  return {
    markers: [...new Set([...markers, ...sentinels.markers])].sort(),
    writings: [...writings, ...sentinels.writings],
    remarks: [...remarks, ...(sentinels.remarks ?? [])],
  };
}

/** How the files at the places are read, after a look at some of them. */
async function sourceAt(
  { places, format, column }: InspectionRequest,
  projectRoot: string,
  { scratchRoot, remote, signal }: DataContext,
): Promise<{ readonly source: FileSource | ImageSource; readonly remark?: string }> {
  return withScratchDirectory(scratchRoot, async (scratch) => {
    const surveyed = await surveyPlaces(places, format, projectRoot, scratch, { remote, signal });
    const { uri } = surveyed;
    if (surveyed.format === 'images') {
      const { remark, ...shape } = await imageShapeOf(surveyed.samples);
      return { source: sourceSpec.parse({ format: 'images', uri, ...shape }) as ImageSource, remark: join(surveyed.remark, remark) };
    }
    const [{ uri: name, path }] = surveyed.samples;
    const known = surveyed.format;
    const sniffed = await withDataSession({ scratchRoot }, (session) => sniffSource(session, name, path, column, known));
    const source = sourceSpec.parse({ ...sniffed, uri }) as FileSource;
    const renamed =
      'names' in sniffed
        ? 'The header bears a name twice (upper and lower case are the same), so the columns have other names.'
        : undefined;
    const remark = join(surveyed.remark, renamed);
    return { source, ...(remark === undefined ? {} : { remark }) };
  });
}

function join(...sentences: (string | undefined)[]): string | undefined {
  const said = sentences.filter((sentence) => sentence !== undefined);
  return said.length === 0 ? undefined : said.join(' ');
}
