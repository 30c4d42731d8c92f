import type { PipelineSpec } from '../../contracts/pipeline.js';
import { textLiteral } from './sql-quoting.js';

/** DuckDB's rows of a group, unless it is told otherwise. */
const usualRows = 122_880;
/** A group of rows is in memory as a whole, more than once while it is compressed. */
const groupBytes = 2 ** 26;
/** What a value takes that is no image. */
const valueBytes = 16;

/** Options of a COPY of the declared columns to Parquet: rows of images, or of a thousand columns, come in smaller groups. */
export function parquetOptions(spec: Pick<PipelineSpec, 'columns'>): string {
  const rowBytes = Object.values(spec.columns).reduce(
    (sum, column) => sum + (column.type === 'image' ? column.height * column.width * column.channels : valueBytes),
    0,
  );
  const options = `FORMAT ${textLiteral('parquet')}, COMPRESSION ${textLiteral('zstd')}`;
  // DuckDB takes multiples of its chunks.
  const rows = Math.max(2048, Math.floor(groupBytes / Math.max(1, rowBytes) / 2048) * 2048);
  return rows >= usualRows ? options : `${options}, ROW_GROUP_SIZE ${rows}`;
}
