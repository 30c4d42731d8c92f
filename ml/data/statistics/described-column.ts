import { identifier } from '../sql-quoting.js';

/** A column that statistics are made of. Types that are none of the scalar ones are described by their size alone. */
export interface ColumnToDescribe {
  readonly name: string;
  readonly type: string;
}

/** `integer`, `float`, `time` have an order and a histogram; `text` and `boolean` have categories; `bytes` neither. */
export type ColumnKind = 'integer' | 'float' | 'time' | 'text' | 'boolean' | 'bytes';

export interface DescribedColumn extends ColumnToDescribe {
  readonly kind: ColumnKind;
  /** Name in the described relation: no name from outside gets further into the queries than that relation. */
  readonly alias: string;
}

const kinds: Readonly<Record<string, ColumnKind>> = {
  integer: 'integer',
  float: 'float',
  timestamp: 'time',
  string: 'text',
  boolean: 'boolean',
};

export function describedColumn({ name, type }: ColumnToDescribe, index: number): DescribedColumn {
  return { name, type, kind: Object.hasOwn(kinds, type) ? kinds[type] : 'bytes', alias: `c${index}` };
}

/** SQL of the column in the described relation; of bytes, only how many they are. */
export function describedValue({ name, kind, alias }: DescribedColumn): string {
  return `${kind === 'bytes' ? `octet_length(${identifier(name)})` : identifier(name)} AS ${alias}`;
}

export function isOrdered(kind: ColumnKind): boolean {
  return kind === 'integer' || kind === 'float' || kind === 'time';
}

/** SQL of an ordered column as DOUBLE; timestamps as milliseconds since 1970. */
export function asNumber({ kind, alias }: DescribedColumn): string {
  if (kind === 'float') return alias;
  return kind === 'time' ? `CAST(epoch_ms(${alias}) AS DOUBLE)` : `CAST(${alias} AS DOUBLE)`;
}
