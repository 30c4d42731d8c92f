import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { identifier, numberLiteral, textLiteral } from '../sql-quoting.js';

/**
 * SQL of a number in [0, 1) that is as good as random, and the same for equal values of `columns` wherever they stand.
 *
 * MD5 of the columns' texts and the seed: it depends neither on the order of the rows nor on DuckDB's version. Pure.
 *
 * @param columns names; their order does not matter
 * @param declared the columns' types. Of images the digest takes the place of the text, which would be four times as long as they are
 */
export function hashFraction(seed: string, columns: readonly string[], declared: PipelineSpec['columns']): string {
  const textOf = (name: string): string =>
    declared[name]?.type === 'image' ? `md5(${identifier(name)})` : `CAST(${identifier(name)} AS VARCHAR)`;
  const parts = [...columns].sort().map((name) => `coalesce(${textOf(name)}, chr(30))`);
  const text = `concat_ws(chr(31), ${[textLiteral(seed), ...parts].join(', ')})`;
  return `CAST(md5_number_lower(${text}) >> 11 AS DOUBLE) / ${numberLiteral(2 ** 53)}`;
}

/**
 * SQL of how many of the cuts a fraction has reached: 0 below the first. Pure.
 *
 * Arithmetic instead of CASE: DuckDB then computes the digest once.
 *
 * @param cuts SQL, increasing
 */
export function cutsReached(fraction: string, cuts: readonly string[]): string {
  return `(${cuts.map((cut) => `CAST(${fraction} >= ${cut} AS INTEGER)`).join(' + ')})`;
}
