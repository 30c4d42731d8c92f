import type { TargetSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { textLiteral } from '../sql-quoting.js';
import { targetColumn } from '../target-column.js';
import { binSql } from './bin-sql.js';

/** The classes that mutual information tells apart; the rarer ones of a multiclass target are one. */
const mostClasses = 20;
/** Equally many rows in each bin of a regression target. */
const targetBins = 10;

/**
 * SQL of a small integer that stands for the target: the class, or the bin of a value; NULL where there is no target.
 *
 * @param relation a relation with `__target` in the type of the task
 */
export async function targetClassSql(session: DataSession, relation: string, task: TargetSpec['task'] | undefined): Promise<string> {
  if (task === undefined) return 'CAST(NULL AS INTEGER)';
  if (task === 'binary') return `CAST(${targetColumn} AS INTEGER)`;
  if (task === 'regression') {
    const levels = Array.from({ length: targetBins - 1 }, (_, i) => (i + 1) / targetBins);
    const [{ edges }] = await session.rows(`SELECT quantile_disc(${targetColumn}, [${levels.join(', ')}]) AS edges FROM ${relation}`);
    return binSql(targetColumn, [...new Set((edges as number[] | null) ?? [])]);
  }
  const found = await session.rows(
    `SELECT ${targetColumn} AS class FROM ${relation} WHERE ${targetColumn} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ${mostClasses}`,
  );
  const cases = found.map(({ class: name }, i) => `WHEN ${targetColumn} = ${textLiteral(String(name))} THEN ${i}`);
  return `CASE WHEN ${targetColumn} IS NULL THEN NULL ${cases.join(' ')} ELSE ${mostClasses} END`;
}
