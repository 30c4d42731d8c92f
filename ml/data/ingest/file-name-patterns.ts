import type { FileSource, ImageSource } from '../../../contracts/pipeline/source.js';

const compressed = String.raw`(\.(gz|zst|zstd))?`;
const lines = new RegExp(String.raw`\.(json|jsonl|ndjson)${compressed}$`, 'i');

/** The names that files of a format have; decides which files of a folder are read. */
export const fileNamePatterns: Readonly<
  Record<FileSource['format'] | ImageSource['format'], { readonly pattern: RegExp; readonly names: string }>
> = {
  parquet: { pattern: /\.(parquet|parq|pq)$/i, names: '.parquet' },
  csv: { pattern: new RegExp(String.raw`\.csv${compressed}$`, 'i'), names: '.csv, .csv.gz or .csv.zst' },
  tsv: { pattern: new RegExp(String.raw`\.(tsv|tab)${compressed}$`, 'i'), names: '.tsv, .tsv.gz or .tsv.zst' },
  json: { pattern: lines, names: '.json, .jsonl or .ndjson' },
  ndjson: { pattern: lines, names: '.ndjson, .jsonl or .json' },
  arrow: { pattern: /\.(arrow|arrows|feather|ipc)$/i, names: '.arrow, .arrows or .feather' },
  // Those that cannot be decoded are read too, so that they are reported instead of being left out without a word.
  images: { pattern: /\.(png|jpe?g|jfif|webp|gif|bmp|tiff?|heic|heif|avif)$/i, names: '.png, .jpg, .jpeg, .webp or .gif' },
};
