import { join } from 'node:path';
import type { FileSource, NamedSource } from '../../../contracts/pipeline/source.js';
import { arrowToParquet } from '../arrow/arrow-source.js';
import type { DataContext } from '../data-context.js';
import { type DataSession } from '../duckdb-session.js';
import { firstLine } from '../../first-line.js';
import { unavailable } from './source-file.js';
import { pathLiteral } from '../sql-quoting.js';
import { compressionOf } from './compression.js';
import { delimitedProblem } from './delimited-problem.js';
import { delimitedRelation, type Relation } from './delimited-relation.js';
import { assertShallow } from './json-depth.js';

export interface LocalFile {
  readonly uri: string;
  readonly path: string;
}

/**
 * A file as a relation of SQL, by its format.
 *
 * @param name of files that are written to the session's scratch directory
 * @throws AnnealError `SourceUnavailable` when the file is not what the source says, as far as that is seen before it is read
 */
export async function fileRelation(
  session: DataSession,
  source: FileSource | NamedSource,
  file: LocalFile,
  name: string,
  { signal, memoryLimitBytes }: Pick<DataContext, 'signal' | 'memoryLimitBytes'>,
): Promise<Relation> {
  switch (source.format) {
    case 'parquet':
      return { sql: parquetRelation(file.path) };
    case 'arrow': {
      const path = join(session.scratch, `${name}.arrow.parquet`);
      await arrowToParquet(file.path, path, { signal, memoryLimitBytes, uri: file.uri });
      return { sql: parquetRelation(path) };
    }
    case 'json':
    case 'ndjson': {
      const found = await compressionOf(file.uri, file.path, source.compression);
      await assertShallow(file.uri, file.path, found, source.format === 'ndjson', signal);
      const compression = found === 'none' ? 'uncompressed' : found;
      const format = source.format === 'json' ? 'auto' : 'newline_delimited';
      return {
        sql: `read_json(${pathLiteral(file.path)}, format = '${format}', sample_size = -1, compression = '${compression}', hive_partitioning = false)`,
      };
    }
    case 'csv':
    case 'tsv':
      return delimitedRelation(session, source, file, name, signal);
  }
}

function parquetRelation(path: string): string {
  return `read_parquet(${pathLiteral(path)}, hive_partitioning = false)`;
}

/** What a failure of DuckDB on a file means, in one paragraph. */
export function unreadable(source: FileSource | NamedSource, file: LocalFile, error: unknown, skippedLines = 0): Error {
  if (source.format === 'csv' || source.format === 'tsv') {
    const problem = delimitedProblem(error, skippedLines);
    if (problem) return unavailable(file.uri, problem.what, problem.wayOut, error);
  }
  const reason = firstLine(error).replaceAll(file.path, file.uri);
  return unavailable(
    file.uri,
    `it is not readable as ${source.format} (${reason})`,
    'The file may be cut short, damaged, or of another format: write it again, or correct source.format.',
    error,
  );
}
