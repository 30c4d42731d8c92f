import { numberLiteral } from '../sql-quoting.js';

/**
 * SQL for the bin of a number: how many of the edges are at most the value; NULL for NULL.
 *
 * A tree of comparisons, so that a row takes log2 of them.
 *
 * @param value SQL of a DOUBLE, best the name of a column
 * @param edges increasing
 */
export function binSql(value: string, edges: readonly number[]): string {
  const branch = (from: number, until: number): string => {
    if (from === until) return String(from);
    const middle = (from + until) >> 1;
    return `CASE WHEN ${value} < ${numberLiteral(edges[middle])} THEN ${branch(from, middle)} ELSE ${branch(middle + 1, until)} END`;
  };
  return `CASE WHEN ${value} IS NOT NULL THEN ${branch(0, edges.length)} END`;
}
