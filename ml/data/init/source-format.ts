import type { FileSource } from '../../../contracts/pipeline/source.js';

type Format = FileSource['format'];

const endings: readonly (readonly [RegExp, Format])[] = [
  [/\.(parquet|pq)$/i, 'parquet'],
  [/\.(arrow|feather|ipc|arrows)$/i, 'arrow'],
  [/\.(ndjson|jsonl)$/i, 'ndjson'],
  [/\.json$/i, 'json'],
  [/\.(tsv|tab)$/i, 'tsv'],
  [/\.(csv|txt|data)$/i, 'csv'],
];

/** The format that a name tells, compressed or not; undefined when it tells none. Pure. */
export function formatOfName(name: string): Format | undefined {
  const bare = name.replace(/\.(gz|zstd?)$/i, '');
  return endings.find(([ending]) => ending.test(bare))?.[1];
}

/** The format that a file's first bytes tell. Pure. @param head the first bytes, decompressed */
export function formatOfContent(head: Uint8Array): Format {
  const start = Buffer.from(head.subarray(0, 64)).toString('latin1');
  if (start.startsWith('PAR1')) return 'parquet';
  if (start.startsWith('ARROW1')) return 'arrow';
  return /^[\s\u00ef\u00bb\u00bf]*[[{]/.test(start) ? 'json' : 'csv';
}
