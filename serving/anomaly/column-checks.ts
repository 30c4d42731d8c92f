import type { ModelInput } from '../../contracts/dataset.js';
import type { DeclaredValues, ModelManifest } from '../../contracts/model.js';
import type { ColumnProfile } from '../../contracts/training-profile.js';
import { missingTimestamp } from '../../ml/data/read/missing-timestamp.js';
import type { Batch, Column } from '../tensors.js';

/** What a value may be that the training rows did not have; `type`: it was refused as no value of its column. */
export type AnomalyKind = 'missing' | 'range' | 'category' | 'type';

/** What is new in a value of a column, if anything is. */
export type ValueCheck = (value: Column[number]) => Exclude<AnomalyKind, 'type'> | undefined;

export interface ColumnCheck {
  readonly column: string;
  /** In the columns of a batch. */
  readonly position: number;
  readonly check: ValueCheck;
}

/** Beyond the training range by so much of it a number counts as out of range. */
const tolerance = 0.05;
/** A model serves for years after its training rows, and hardly asks for the time long before them: 1970 is a unit mistaken. */
const spansAfter = 10;
const atLeastAfterMs = 10 * 366 * 86_400_000;

/**
 * What of each column's values is checked against the training rows: values missing where none was; categories that there were not;
 * numbers beyond what the pipeline declares, or else beyond the training range by more than a twentieth of it or by their sign; times
 * earlier than the training rows by more than these span, or later by ten times as much and ten years. Pure.
 */
export function columnChecks({
  inputs,
  profile = [],
  declared = {},
}: Pick<ModelManifest, 'inputs' | 'profile' | 'declared'>): ColumnCheck[] {
  const byName = new Map(profile.map((column) => [column.name, column]));
  return inputs.flatMap((input, position) => {
    const column = byName.get(input.name);
    const own = Object.hasOwn(declared, input.name) ? declared[input.name] : {};
    const check = column && valueCheck(input, column, own);
    return check ? [{ column: input.name, position, check }] : [];
  });
}

function valueCheck(input: ModelInput, column: ColumnProfile, declared: DeclaredValues): ValueCheck | undefined {
  const missing = column.hasMissing ? undefined : 'missing';
  const { categories } = column;
  switch (input.type) {
    case 'string': {
      const known = categories && new Set<unknown>(categories);
      if (!known && column.hasMissing) return undefined;
      return (value) => (value === '' ? missing : known && !known.has(value) ? 'category' : undefined);
    }
    case 'int64': {
      const known = categories && new Set<unknown>(categories.map(BigInt));
      if (known) return (value) => (known.has(value) ? undefined : 'category');
      const { low, high } = boundsOf(input, column, declared);
      const isTime = input.columnType === 'timestamp';
      return (value) => {
        if (isTime && value === missingTimestamp) return missing;
        const number = Number(value);
        return number < low || number > high ? 'range' : undefined;
      };
    }
    case 'float64': {
      const known = categories && new Set<unknown>(categories.map(Number));
      const { low, high } = boundsOf(input, column, declared);
      return (value) => {
        const number = value as number;
        if (!Number.isFinite(number)) return missing;
        if (known) return known.has(number) ? undefined : 'category';
        return number < low || number > high ? 'range' : undefined;
      };
    }
    case 'uint8':
      return undefined;
  }
}

function boundsOf(
  { columnType }: ModelInput,
  { range }: ColumnProfile,
  declared: DeclaredValues,
): { readonly low: number; readonly high: number } {
  if (!range) return { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const { min, max } = range;
  if (columnType === 'timestamp') return { low: min - (max - min), high: max + Math.max(spansAfter * (max - min), atLeastAfterMs) };
  const margin = tolerance * (max - min);
  const low = min >= 0 ? Math.max(0, min - margin) : min - margin;
  const high = max <= 0 ? Math.min(0, max + margin) : max + margin;
  return {
    low: typeof declared.min === 'number' ? declared.min : low,
    high: typeof declared.max === 'number' ? declared.max : high,
  };
}

/** What is new in one row, column by column. */
export function newIn(
  checks: readonly ColumnCheck[],
  batch: Batch,
  row: number,
): { readonly column: string; readonly kind: AnomalyKind }[] {
  return checks.flatMap(({ column, position, check }) => {
    const kind = check(batch.columns[position][row]);
    return kind ? [{ column, kind }] : [];
  });
}
