import { type ColumnFigures, quantileLevels } from '../../../contracts/dataset.js';
import type { ColumnKind } from './described-column.js';

/** How often a value occurs; numbers for `integer` and `float`, text for the other kinds, null for missing. */
export interface ValueCount {
  readonly value: number | string | null;
  readonly rows: number;
}

/** Squares of what lies beyond overflow; such values are left out of mean and deviation. */
const largestSquarable = 1e150;
const longestText = 200;

/**
 * The figures of a column from how often each of its values occurs; the same that DuckDB computes row by row.
 *
 * Pure, and exact but for the rounding of means to 12 digits and of deviations to 9.
 *
 * @param counts each value at most once, in any order
 */
export function figuresOfCounts(counts: readonly ValueCount[], kind: ColumnKind): ColumnFigures {
  const rows = totalOf(counts);
  const present = counts.filter(({ value }) => value !== null);
  const figures = { rows, missing: rows - totalOf(present), distinct: present.length };
  if (present.length === 0) return figures;
  if (kind === 'integer' || kind === 'float') return { ...figures, ...numberFigures(present as NumberCount[]) };
  const texts = (present as { value: string; rows: number }[]).toSorted((a, b) => byCodePoint(a.value, b.value));
  const bounds = { min: cut(texts[0].value), max: cut(texts[texts.length - 1].value) };
  return kind === 'text' ? { ...figures, ...bounds, length: lengths(texts) } : { ...figures, ...bounds };
}

interface NumberCount {
  readonly value: number;
  readonly rows: number;
}

function numberFigures(counts: readonly NumberCount[]): Partial<ColumnFigures> {
  const sorted = counts.toSorted((a, b) => a.value - b.value);
  const bounds = {
    min: sorted[0].value,
    max: sorted[sorted.length - 1].value,
    zeros: sorted.find(({ value }) => value === 0)?.rows ?? 0,
    quantiles: quantilesOf(sorted, quantileLevels),
  };
  const squarable = sorted.filter(({ value }) => Math.abs(value) < largestSquarable);
  if (squarable.length === 0) return bounds;
  const rows = totalOf(squarable);
  const mean = squarable.reduce((sum, count) => sum + count.value * (count.rows / rows), 0);
  const variance = squarable.reduce((sum, count) => sum + (count.value - mean) ** 2 * (count.rows / rows), 0);
  return { ...bounds, mean: rounded(mean, 12), standardDeviation: rounded(Math.sqrt(variance), 9) };
}

/**
 * The smallest values that at least these shares of the rows reach; DuckDB's `quantile_disc`.
 *
 * @param sorted by value, at least one
 */
export function quantilesOf(sorted: readonly NumberCount[], levels: readonly number[]): number[] {
  const rows = totalOf(sorted);
  let position = 0;
  let reached = sorted[0].rows;
  return levels.map((level) => {
    const rank = Math.max(1, rows - Math.floor(rows - level * rows));
    while (reached < rank) reached += sorted[++position].rows;
    return sorted[position].value;
  });
}

function lengths(texts: readonly { readonly value: string; readonly rows: number }[]): NonNullable<ColumnFigures['length']> {
  let min = Infinity;
  let max = 0;
  let sum = 0;
  for (const { value, rows } of texts) {
    const length = Array.from(value).length; // code points, like DuckDB
    min = Math.min(min, length);
    max = Math.max(max, length);
    sum += length * rows;
  }
  return { min, mean: rounded(sum / totalOf(texts), 12), max };
}

function totalOf(counts: readonly { readonly rows: number }[]): number {
  return counts.reduce((sum, { rows }) => sum + rows, 0);
}

/** The order of DuckDB: by bytes of UTF-8, which is that of code points, not of JavaScript's UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  const left = a[Symbol.iterator]();
  const right = b[Symbol.iterator]();
  for (;;) {
    const x = left.next();
    const y = right.next();
    if (x.done || y.done) return Number(y.done ?? false) - Number(x.done ?? false);
    const difference = x.value.codePointAt(0)! - y.value.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
}

function cut(text: string): string {
  return text.slice(0, longestText);
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
