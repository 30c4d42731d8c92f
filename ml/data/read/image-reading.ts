import type { SnapshotManifest } from '../../../contracts/dataset.js';
import { imageSize } from '../../../contracts/image-input.js';
import type { ImageColumn } from '../../../contracts/pipeline.js';
import type { ColumnReading } from './column-reading.js';
import type { RowRule } from '../validate/row-rules.js';
import { identifier } from '../sql-quoting.js';

/** How a column of the source becomes images: BLOBs of height · width · channels bytes, row by row, 0 = black. */
export interface ImageReading extends ColumnReading {
  /** SQL of how many bytes or numbers there are, NULL where there is no image. */
  readonly length: string;
  /** SQL condition of a number beyond the range, or missing; absent where there are bytes. */
  readonly isBeyond?: string;
}

const numberType = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/;
const listSuffix = /\[\d*\]$/;

/**
 * Decide how to read a column of images: bytes as they are, lists of numbers (nested ones, too) rounded to bytes.
 *
 * @param sourceType DuckDB's name of the type that the snapshot has
 * @returns undefined when values of that type are no images
 */
export function readImage(
  name: string,
  column: ImageColumn,
  sourceType: string,
  typing: SnapshotManifest['typing'],
): ImageReading | undefined {
  const source = identifier(name);
  const isMissing = `${source} IS NULL`;
  const size = imageSize(column);
  if (sourceType === 'BLOB') {
    const length = `octet_length(${source})`;
    return { typed: `CASE WHEN ${length} = ${size} THEN ${source} END`, isMissing, length, text: `${length} || ' bytes'` };
  }
  const numbers = numberList(source, sourceType, typing);
  if (numbers === undefined) return undefined;
  const [black, white] = column.range;
  const length = `len(${numbers})`;
  // The largest of a list with NaN is NaN, which is above every number.
  const isWithin = `list_count(${numbers}) = ${size} AND list_min(${numbers}) >= ${black} AND list_max(${numbers}) <= ${white}`;
  const byte = `substr(to_hex(CAST(round(CAST(v AS DOUBLE) * ${255 / white}) AS INTEGER) + 256), 2)`;
  const bytes = `unhex(array_to_string(list_transform(${numbers}, lambda v: ${byte}), ''))`;
  return {
    typed: `CASE WHEN ${length} = ${size} AND ${isWithin} THEN ${bytes} END`,
    isMissing,
    length,
    isBeyond: `(${length} = ${size} AND NOT coalesce(${isWithin}, false))`,
    text: `${length} || ' numbers from ' || list_min(${numbers}) || ' to ' || list_max(${numbers})`,
  };
}

/** @returns SQL of a flat list of numbers */
function numberList(source: string, sourceType: string, typing: SnapshotManifest['typing']): string | undefined {
  // A list in a CSV file, or one of numbers of many kinds in JSON.
  if (typing !== 'strong' && (sourceType === 'VARCHAR' || sourceType === 'JSON')) return `TRY_CAST(CAST(${source} AS VARCHAR) AS DOUBLE[])`;
  let element = sourceType;
  let depth = 0;
  for (; listSuffix.test(element); depth++) element = element.replace(listSuffix, '');
  if (depth === 0 || depth > 3 || !numberType.test(element)) return undefined;
  // Lists of a fixed length are another type, which few functions take.
  const lists = `CAST(${source} AS ${element}${'[]'.repeat(depth)})`;
  return 'flatten('.repeat(depth - 1) + lists + ')'.repeat(depth - 1);
}

/** The rules of a column of images, in the order in which a row is tested. */
export function imageRules(
  name: string,
  column: ImageColumn,
  reading: ColumnReading & Partial<Pick<ImageReading, 'length' | 'isBeyond'>>,
): RowRule[] {
  const { height, width, channels, range } = column;
  const size = imageSize(column);
  const onViolation = column.onViolation === 'warn' ? 'quarantine' : column.onViolation;
  const base = { column: name, example: reading.text, onViolation } as const;
  const shape = `an image of ${height} × ${width} × ${channels} = ${size} ${reading.isBeyond === undefined ? 'bytes' : 'numbers'}`;
  return [
    {
      ...base,
      rule: 'null',
      expected: 'a value in every row',
      isBroken: reading.isMissing,
      reason: `${name} is missing`,
    },
    {
      ...base,
      rule: 'type',
      expected: shape,
      isBroken: `(NOT ${reading.isMissing} AND coalesce(${reading.length ?? 'NULL'}, -1) <> ${size})`,
      reason: `${name} is not ${shape}`,
    },
    ...(reading.isBeyond === undefined
      ? []
      : [
          {
            ...base,
            rule: 'range' as const,
            expected: `numbers from ${range[0]} to ${range[1]}`,
            isBroken: reading.isBeyond,
            reason: `${name} has a number that is missing or not from ${range[0]} to ${range[1]}`,
          },
        ]),
  ];
}
