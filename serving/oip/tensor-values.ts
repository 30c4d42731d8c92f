import type { ModelInput } from '../../contracts/dataset.js';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import { badRequest } from '../http/http-error.js';
import type { Column } from '../tensors.js';

/**
 * Hold the values of a tensor against the column of the pipeline that they belong to, as those of rows are: the datatypes of tensors
 * are wider than the columns.
 *
 * @param column as the model takes it, of numbers finite or NaN where they may be missing
 * @throws HttpError 400 that names the input and the row, and repeats no value
 */
export function checkTensorValues(input: ModelInput, column: Column): void {
  if (input.type === 'uint8') return;
  const refuse = (row: number, expected: string): never => {
    throw badRequest(`Row ${row} of the input "${input.name}" must be ${expected}${input.nullable ? ', or missing' : ''}.`);
  };
  const { columnType, nullable } = input;
  switch (input.type) {
    case 'string':
      for (let row = 0; row < column.length; row++) {
        const text = column[row] as string;
        if (text === '' && !nullable) refuse(row, 'a text that is not empty: that stands for a missing one');
        if (text.includes('\0')) refuse(row, 'a text without a NUL character');
      }
      return;
    case 'int64': {
      const { from, until, expected } = int64Rules[columnType === 'boolean' || columnType === 'timestamp' ? columnType : 'integer'];
      for (let row = 0; row < column.length; row++) {
        const value = column[row] as bigint;
        if ((value < from || value > until) && !(nullable && value === missingTimestamp)) refuse(row, expected);
      }
      return;
    }
    case 'float64':
      if (columnType !== 'integer' && columnType !== 'boolean') return;
      for (let row = 0; row < column.length; row++) {
        const value = column[row] as number;
        if (Number.isNaN(value)) continue;
        const isFit = columnType === 'boolean' ? value === 0 || value === 1 : Number.isSafeInteger(value);
        if (!isFit) refuse(row, int64Rules[columnType].expected);
      }
  }
}

const largestInteger = BigInt(Number.MAX_SAFE_INTEGER);
/** `Date` ends there. */
const largestTime = 8_640_000_000_000_000n;
const int64Rules = {
  boolean: { from: 0n, until: 1n, expected: '0 or 1' },
  integer: {
    from: -largestInteger,
    until: largestInteger,
    expected: 'an integer within ±(2^53 − 1), beyond which numbers lose their last digits',
  },
  timestamp: { from: -largestTime, until: largestTime, expected: 'milliseconds since 1970 within ±8.64 · 10^15' },
} as const;
