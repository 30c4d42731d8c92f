import { identifier, numberLiteral, textLiteral } from './sql-quoting.js';

/**
 * SQL of a number in [0, 1) that is as good as random, and the same for equal values of `columns` wherever they stand.
 *
 * MD5 of the columns' texts and the seed: it depends neither on the order of the rows nor on DuckDB's version. Pure.
 *
 * @param columns names; their order does not matter
 */
export function hashFraction(seed: string, columns: readonly string[]): string {
  const parts = [...columns].sort().map((name) => `coalesce(CAST(${identifier(name)} AS VARCHAR), chr(30))`);
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
