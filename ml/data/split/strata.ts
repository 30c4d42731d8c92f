import type { DataSession } from '../duckdb-session.js';
import { numberLiteral, textLiteral } from '../sql-quoting.js';

/** What divides the rows of each class in the same shares. */
export interface Strata {
  /** SQL of `hashFraction`. */
  readonly fraction: string;
  /** SQL of the class as VARCHAR. */
  readonly stratum: string;
  /** Cumulative shares in (0, 1), increasing. */
  readonly shares: readonly number[];
}

/**
 * Where the hashes of each class have to be cut, so that its rows are divided in exact shares.
 *
 * Rows with the same hash stay together; a group of them goes where its middle lies. Two passes over the two columns that
 * it reads, which DuckDB sorts on disk when they are many; the division itself then streams the rows in their order.
 *
 * @returns for each share, SQL of the cut of the row's class
 */
export async function strataCuts(session: DataSession, relation: string, { fraction, stratum, shares }: Strata): Promise<string[]> {
  const cuts = shares.map((share, i) => `min(f) FILTER (middle > ${numberLiteral(share)} * total) AS cut${i}`);
  const found = await session.rows(
    `SELECT s, ${cuts.join(', ')} FROM (
       SELECT s, f, sum(n) OVER (PARTITION BY s ORDER BY f) - n / 2.0 AS middle, sum(n) OVER (PARTITION BY s) AS total
       FROM (SELECT ${stratum} AS s, ${fraction} AS f, count(*) AS n FROM ${relation} GROUP BY ALL)
     ) GROUP BY s ORDER BY s`,
  );
  if (found.length === 0) return shares.map(numberLiteral);
  const names = found.map((row) => textLiteral(String(row.s))).join(', ');
  const position = `enum_code(TRY_CAST(${stratum} AS ENUM(${names}))) + 1`;
  return shares.map((_, i) => {
    // A class with too few rows to reach a share has no cut there.
    const limits = found.map((row) => numberLiteral((row[`cut${i}`] as number | null) ?? Infinity)).join(', ');
    return `[${limits}][${position}]`;
  });
}
