/** How rows are written to a file. */
export interface RowFileFormat {
  /** DuckDB's options of COPY. */
  readonly copyOptions: string;
  /** It has no types of its own: times are texts, and numbers digits. */
  readonly isText: boolean;
}

/** By the ending of the file. */
export const rowFileFormats: Readonly<Record<string, RowFileFormat>> = {
  '.csv': { copyOptions: 'FORMAT csv, HEADER true', isText: true },
  '.ndjson': { copyOptions: 'FORMAT json', isText: true },
  '.jsonl': { copyOptions: 'FORMAT json', isText: true },
  '.parquet': { copyOptions: 'FORMAT parquet, COMPRESSION zstd', isText: false },
};
