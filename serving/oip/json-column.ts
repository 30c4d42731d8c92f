import type { RawInput } from '../../contracts/dataset.js';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import { typeName } from '../../ml/data/read/raw-tensors.js';
import { badRequest } from '../http/http-error.js';
import type { Column } from '../tensors.js';

const int64Range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** What they hold; JSON can say more. */
export const integerRanges: Readonly<Record<string, readonly [least: number, most: number]>> = {
  INT8: [-128, 127],
  INT16: [-32_768, 32_767],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  UINT8: [0, 255],
  UINT16: [0, 65_535],
  UINT32: [0, 2 ** 32 - 1],
};

/** What a tensor says of its values. */
interface Declared {
  readonly shape: readonly number[];
  readonly datatype: string;
}

/**
 * Turn the values of a tensor in JSON into a raw column.
 *
 * @param data flat, or of rows of one value each, unchecked
 * @throws HttpError 400 that names the input and the row, and what was expected
 */
export function jsonToColumn(input: RawInput, { shape, datatype }: Declared, data: unknown, rows: number): Column {
  if (!Array.isArray(data)) throw badRequest(`The input "${input.name}" must bring its values as an array in "data".`);
  if (data.length !== rows)
    throw badRequest(`The input "${input.name}" has ${data.length} values in "data", but its shape says ${rows} rows.`);
  const isNested = shape.length === 2;
  const value = (row: number): unknown => {
    const each: unknown = data[row];
    return isNested && Array.isArray(each) && each.length === 1 ? (each[0] as unknown) : each;
  };
  const refuse = (row: number, expected: string): never => {
    const found = typeName(value(row));
    throw badRequest(
      `Row ${row} of the input "${input.name}" must be ${expected}${input.nullable ? ', or null' : ''}, but ${found} was sent.`,
    );
  };
  const check = valueCheck(datatype);
  for (let row = 0; row < rows; row++) if (!check.holds(value(row))) refuse(row, `${check.expected}, as ${datatype} holds them`);
  const isMissing = (row: number) => input.nullable && (value(row) === null || value(row) === undefined);
  switch (input.type) {
    case 'string':
      return Array.from({ length: rows }, (_, row) => {
        if (isMissing(row)) return '';
        const text = value(row);
        return typeof text === 'string' ? text : refuse(row, 'a string');
      });
    case 'int64':
      return BigInt64Array.from({ length: rows }, (_, row) => {
        if (isMissing(row)) return missingTimestamp;
        const given = value(row);
        if (typeof given === 'boolean') return BigInt(given);
        return toInt64(given) ?? refuse(row, 'an integer within ±(2^53 − 1), or one as a string of decimal digits');
      });
    case 'float64':
      return Float64Array.from({ length: rows }, (_, row) =>
        isMissing(row) ? Number.NaN : (toFloat64(value(row)) ?? refuse(row, 'a number')),
      );
  }
}

/** What the values of a datatype are in JSON; what is no number, true or false is told by what the column takes. */
function valueCheck(datatype: string): { readonly expected: string; readonly holds: (value: unknown) => boolean } {
  if (datatype === 'BOOL')
    return { expected: 'true or false', holds: (value) => typeof value === 'boolean' || value === null || value === undefined };
  if (!Object.hasOwn(integerRanges, datatype)) {
    const expected = datatype === 'INT64' ? 'an integer' : datatype === 'BYTES' ? 'a string' : 'a number';
    return { expected, holds: (value) => typeof value !== 'boolean' };
  }
  const [least, most] = integerRanges[datatype];
  return {
    expected: `an integer from ${least} to ${most}`,
    holds: (value) => (typeof value === 'number' ? Number.isInteger(value) && value >= least && value <= most : typeof value !== 'boolean'),
  };
}

function toInt64(value: unknown): bigint | undefined {
  if (Number.isSafeInteger(value)) return BigInt(value as number);
  // What is beyond the column is told when all values are here.
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) return undefined;
  const parsed = BigInt(value);
  return parsed >= int64Range.min && parsed <= int64Range.max ? parsed : undefined;
}

function toFloat64(value: unknown): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
