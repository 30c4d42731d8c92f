import type { SnapshotManifest } from '../../../contracts/dataset.js';

const integers = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT'] as const;
/** The narrowest signed type that holds an unsigned one. */
const signed: Readonly<Record<string, (typeof integers)[number]>> = {
  UTINYINT: 'SMALLINT',
  USMALLINT: 'INTEGER',
  UINTEGER: 'BIGINT',
  UBIGINT: 'HUGEINT',
};

/**
 * The type that holds the values of both.
 *
 * @param a as DuckDB names it, like `b`
 * @param typing where it is weak, text holds everything
 * @returns undefined when there is none
 */
export function commonType(a: string, b: string, typing: SnapshotManifest['typing']): string | undefined {
  if (a === b) return a;
  const ranks = [a, b].map((type) => integers.indexOf(signed[type] ?? (type as (typeof integers)[number])));
  if (ranks.every((rank) => rank >= 0)) return integers[Math.max(...ranks)];
  const isNumber = [a, b].map((type, i) => ranks[i] >= 0 || /^(FLOAT|DOUBLE|DECIMAL.*)$/.test(type));
  if (isNumber.every(Boolean)) return 'DOUBLE';
  const isTime = [a, b].map((type) => /^(DATE|TIMESTAMP(_S|_MS|_NS)?)$/.test(type));
  if (isTime.every(Boolean)) return 'TIMESTAMP';
  return typing === 'strong' ? undefined : 'VARCHAR';
}
