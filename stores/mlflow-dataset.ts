import type { DatasetInput } from 'mlflow-ts-client';
import type { SnapshotManifest } from '../contracts/dataset.js';

/** MLflow's column types by DuckDB's; a type that is not here is shown as a string. */
const columnTypes: readonly (readonly [RegExp, string])[] = [
  [/^(BIGINT|HUGEINT|UBIGINT|UINTEGER)$/, 'long'],
  [/^(INTEGER|SMALLINT|TINYINT|USMALLINT|UTINYINT)$/, 'integer'],
  [/^DOUBLE|^DECIMAL/, 'double'],
  [/^FLOAT$/, 'float'],
  [/^BOOLEAN$/, 'boolean'],
  [/^(TIMESTAMP|DATE)/, 'datetime'],
  [/^BLOB$/, 'binary'],
];

/** A snapshot as MLflow shows it among a run's data sets: columns with their types, row count, source. */
export function datasetInput(name: string, digest: string, manifest: SnapshotManifest): DatasetInput {
  const columns = manifest.columns.map((column) => ({
    name: column.name,
    type: columnTypes.find(([pattern]) => pattern.test(column.type))?.[1] ?? 'string',
    required: false,
  }));
  const sizeBytes = manifest.sources.reduce((sum, source) => sum + source.sizeBytes, 0);
  return {
    name,
    // MLflow takes 36 characters; half of a SHA-256 still tells data sets apart.
    digest: digest.slice(0, 32),
    sourceType: 'local',
    source: JSON.stringify(shownSources(manifest)),
    schema: JSON.stringify({ mlflow_colspec: columns }),
    profile: JSON.stringify({ num_rows: manifest.rows, num_columns: columns.length, size_bytes: sizeBytes }),
    tags: { 'mlflow.data.context': 'training' },
  };
}

/** MLflow cuts a source that is longer. */
const maxSources = 20;

function shownSources({ sources }: SnapshotManifest): unknown {
  const shown = sources.slice(0, maxSources).map(({ uri, sha256 }) => ({ uri, sha256 }));
  return sources.length === 1 ? shown[0] : { files: sources.length, first: shown };
}
