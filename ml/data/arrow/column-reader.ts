import { isUtf8 } from 'node:buffer';
import {
  BIGINT,
  BLOB,
  blobValue,
  BOOLEAN,
  DATE,
  DECIMAL,
  DOUBLE,
  type DuckDBType,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  type DuckDBValue,
  FLOAT,
  INTEGER,
  SMALLINT,
  TIME,
  TIMESTAMP,
  TIMESTAMP_NS,
  TIMESTAMPTZ,
  TINYINT,
  UBIGINT,
  UINTEGER,
  USMALLINT,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import { type Data, DataType, DateUnit, Precision, TimeUnit, Vector } from 'apache-arrow';

/** Value of a row that is known not to be null. */
export type ReadValue = (row: number) => DuckDBValue;

/** How the columns of one Arrow type are read: the type that they get, and the values of a batch. */
export interface ColumnReader {
  readonly type: DuckDBType;
  /** @returns a function of the row within the batch */
  open(data: Data): ReadValue;
}

const dayMs = 86_400_000n;
const maxDecimalDigits = 38;

/** @returns undefined for a type that no column of a table can have here: nested ones, durations, intervals, wider decimals */
export function columnReader(type: DataType): ColumnReader | undefined {
  if (DataType.isDictionary(type)) return dictionaryReader(type.dictionary as DataType);
  if (DataType.isNull(type)) return { type: VARCHAR, open: () => () => null };
  if (DataType.isBool(type)) return { type: BOOLEAN, open: ({ values }) => bitReader(values as Uint8Array) };
  if (DataType.isInt(type)) return plain(type.isSigned ? signed[type.bitWidth] : unsigned[type.bitWidth]);
  if (DataType.isFloat(type)) return floatReader(type.precision);
  if (DataType.isDecimal(type)) return decimalReader(type.precision, type.scale, type.bitWidth);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) return { type: VARCHAR, open: textReader };
  if (DataType.isUtf8View(type)) return { type: VARCHAR, open: vectorReader };
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type) || DataType.isBinaryView(type))
    return { type: BLOB, open: bytesReader };
  if (DataType.isDate(type)) return dateReader(type.unit);
  if (DataType.isTime(type)) return timeReader(type.unit);
  if (DataType.isTimestamp(type)) return timestampReader(type.unit, Boolean(type.timezone));
  return undefined;
}

const signed: Readonly<Record<number, DuckDBType>> = { 8: TINYINT, 16: SMALLINT, 32: INTEGER, 64: BIGINT };
const unsigned: Readonly<Record<number, DuckDBType>> = { 8: UTINYINT, 16: USMALLINT, 32: UINTEGER, 64: UBIGINT };

/** The numbers lie in the buffer as DuckDB takes them. */
function plain(type: DuckDBType): ColumnReader {
  return { type, open: (data) => elementReader(data) };
}

function elementReader({ values }: Data): ReadValue {
  const elements = values as ArrayLike<number | bigint>;
  return (row) => elements[row];
}

function bitReader(bits: Uint8Array): ReadValue {
  return (row) => ((bits[row >> 3] >> (row & 7)) & 1) === 1;
}

function floatReader(precision: Precision): ColumnReader {
  if (precision === Precision.DOUBLE) return plain(DOUBLE);
  if (precision === Precision.SINGLE) return plain(FLOAT);
  // Half precision lies in the buffer as bits; the library widens it.
  return { type: FLOAT, open: vectorReader };
}

function decimalReader(precision: number, scale: number, bitWidth: number): ColumnReader | undefined {
  if (precision > maxDecimalDigits || scale < 0 || scale > precision) return undefined;
  const words = bitWidth / 32; // little-endian two's complement
  return {
    type: DECIMAL(precision, scale),
    open: ({ values }) => {
      const parts = values as Uint32Array;
      return (row) => {
        let unscaled = 0n;
        for (let word = words - 1; word >= 0; word--) unscaled = (unscaled << 32n) | BigInt(parts[row * words + word]);
        return new DuckDBDecimalValue(BigInt.asIntN(bitWidth, unscaled), precision, scale);
      };
    },
  };
}

/** @throws Error when the bytes are not UTF-8, which the format demands: replacement characters would hide the damage */
function textReader({ values, valueOffsets }: Data): ReadValue {
  const { buffer, byteOffset, byteLength } = values as Uint8Array;
  const text = Buffer.from(buffer, byteOffset, byteLength);
  if (!isUtf8(text)) throw new Error('a text is not valid UTF-8');
  const offsets = valueOffsets as ArrayLike<number | bigint>;
  return (row) => text.toString('utf8', Number(offsets[row]), Number(offsets[row + 1]));
}

function vectorReader(data: Data): ReadValue {
  const vector = new Vector([data]) as Vector<DataType>;
  return (row) => vector.get(row) as DuckDBValue;
}

function bytesReader(data: Data): ReadValue {
  const vector = new Vector([data]) as Vector<DataType>;
  return (row) => blobValue(vector.get(row) as Uint8Array);
}

function dateReader(unit: DateUnit): ColumnReader {
  return {
    type: DATE,
    open: (data) => {
      const at = elementReader(data);
      if (unit === DateUnit.DAY) return (row) => new DuckDBDateValue(at(row) as number);
      return (row) => new DuckDBDateValue(Number(floorDivide(BigInt(at(row) as bigint), dayMs)));
    },
  };
}

const perSecond: Readonly<Record<TimeUnit, bigint>> = {
  [TimeUnit.SECOND]: 1n,
  [TimeUnit.MILLISECOND]: 1000n,
  [TimeUnit.MICROSECOND]: 1_000_000n,
  [TimeUnit.NANOSECOND]: 1_000_000_000n,
};

function timeReader(unit: TimeUnit): ColumnReader {
  return {
    type: TIME,
    open: (data) => {
      const micros = microsReader(data, unit);
      return (row) => new DuckDBTimeValue(micros(row));
    },
  };
}

/** A time with a zone is an instant: the zone says how it is shown, and DuckDB counts it in microseconds. */
function timestampReader(unit: TimeUnit, hasZone: boolean): ColumnReader {
  if (!hasZone && unit === TimeUnit.NANOSECOND) {
    return {
      type: TIMESTAMP_NS,
      open: (data) => {
        const at = elementReader(data);
        return (row) => new DuckDBTimestampNanosecondsValue(at(row) as bigint);
      },
    };
  }
  return {
    type: hasZone ? TIMESTAMPTZ : TIMESTAMP,
    open: (data) => {
      const micros = microsReader(data, unit);
      return hasZone ? (row) => new DuckDBTimestampTZValue(micros(row)) : (row) => new DuckDBTimestampValue(micros(row));
    },
  };
}

function microsReader(data: Data, unit: TimeUnit): (row: number) => bigint {
  const at = elementReader(data);
  if (unit === TimeUnit.MICROSECOND) return (row) => at(row) as bigint;
  if (unit === TimeUnit.NANOSECOND) return (row) => floorDivide(at(row) as bigint, 1000n);
  const factor = perSecond[TimeUnit.MICROSECOND] / perSecond[unit];
  return (row) => BigInt(at(row) as bigint | number) * factor;
}

/** Towards the past, also before 1970. */
function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}

/** The dictionary is read once; a later batch may bring a longer or another one. */
function dictionaryReader(valueType: DataType): ColumnReader | undefined {
  const reader = columnReader(valueType);
  if (!reader) return undefined;
  let known: { readonly dictionary: Vector; readonly values: readonly DuckDBValue[] } | undefined;
  return {
    type: reader.type,
    open: ({ dictionary, values: indices }) => {
      if (!dictionary) throw new Error('a dictionary is missing');
      if (known?.dictionary !== dictionary) known = { dictionary, values: dictionary.data.flatMap((data) => valuesOf(reader, data)) };
      const { values } = known;
      return (row) => {
        const index = Number((indices as ArrayLike<number | bigint>)[row]);
        if (index < 0 || index >= values.length) throw new Error(`index ${index} into a dictionary of ${values.length}`);
        return values[index];
      };
    },
  };
}

/** All rows of a batch's column, or those from `from` until `until`. */
export function valuesOf(reader: ColumnReader, data: Data, from = 0, until = data.length, read = reader.open(data)): DuckDBValue[] {
  const values = Array.from<DuckDBValue>({ length: until - from });
  const mayBeNull = data.nullCount > 0;
  for (let row = from; row < until; row++) values[row - from] = mayBeNull && !data.getValid(row) ? null : read(row);
  return values;
}
