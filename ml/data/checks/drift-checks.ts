import type { Anomaly, ValidationReport } from '../../../contracts/dataset.js';
import type { FrozenDistribution } from '../../../contracts/pipeline.js';
import { binSql } from '../statistics/bin-sql.js';
import { jensenShannonDivergence, lInfinityDistance } from '../statistics/distances.js';
import { identifier, textLiteral } from '../sql-quoting.js';
import { type CheckContext, found } from './check-context.js';
import { distributionOf } from './distribution.js';

/** What a column is compared with. */
interface Reference {
  readonly distribution: FrozenDistribution;
  /** Rows that it was made of. */
  readonly rows: number;
  /** For the message: `the frozen schema`. */
  readonly name: string;
}

/**
 * Distances of the columns' distributions to those of the frozen schema and of the last accepted data.
 *
 * The current data are counted anew with the reference's categories or bins, in the sample. A distance is reported when it
 * is over its limit by more than samples of these sizes differ by chance.
 */
export async function driftChecks(context: CheckContext, accepted: ValidationReport | undefined): Promise<Anomaly[]> {
  const { spec, columns } = context;
  const anomalies: Anomaly[] = [];
  for (const { name, type } of columns) {
    if ((spec.columns[name].drift?.severity ?? spec.expectations.drift.severity) === 'off') continue;
    for (const reference of referencesOf(context, name, accepted)) {
      const isNumber = type === 'integer' || type === 'float';
      // A column whose type was changed in the pipeline has nothing to be compared with.
      if ((reference.distribution.kind === 'histogram') !== isNumber) continue;
      anomalies.push(...(await compare(context, name, reference)));
    }
  }
  return anomalies;
}

function referencesOf({ spec }: CheckContext, name: string, accepted: ValidationReport | undefined): Reference[] {
  const frozen = spec.schema && Object.hasOwn(spec.schema.columns, name) ? spec.schema.columns[name].distribution : undefined;
  const statistics = accepted?.statistics.find(({ column }) => column === name);
  const last = statistics && distributionOf(statistics);
  return [
    ...(frozen ? [{ distribution: frozen, rows: spec.schema!.rows, name: 'the frozen schema' }] : []),
    ...(last ? [{ distribution: last, rows: statistics!.sampledRows ?? statistics!.rows, name: 'the last accepted data' }] : []),
  ];
}

async function compare(context: CheckContext, name: string, reference: Reference): Promise<Anomaly[]> {
  const { spec } = context;
  const { drift } = spec.expectations;
  const own = spec.columns[name].drift;
  const { distribution } = reference;
  const isHistogram = distribution.kind === 'histogram';
  const limit = own?.max ?? distribution.max ?? (isHistogram ? drift.numbers : drift.categories);
  const current = isHistogram
    ? await binned(context, name, distribution.edges)
    : await categorized(context, name, Object.keys(distribution.shares));
  const rows = current.reduce((sum, n) => sum + n, 0);
  if (rows === 0) return [];
  const shares = isHistogram ? distribution.shares : withRest(Object.values(distribution.shares));
  const distance = isHistogram ? jensenShannonDivergence(shares, current) : lInfinityDistance(numbered(shares), numbered(current));
  const chance = isHistogram ? chanceDivergence(shares.length, rows, reference.rows) : chanceDistance(rows, reference.rows);
  if (!(distance > limit + chance)) return [];
  return found(own?.severity ?? drift.severity, {
    rule: 'drift',
    column: name,
    expected: `a distribution like that of ${reference.name}, ${isHistogram ? 'Jensen–Shannon divergence' : 'L∞ distance'} at most ${limit}`,
    found: `${distance.toFixed(3)}; ${isHistogram ? binMoved(distribution.edges, shares, current) : categoryMoved(Object.keys(distribution.shares), shares, current)}`,
  });
}

/** Rows of the sample by bin; values beyond the outer edges count in the outer bins. */
async function binned({ session, sample }: CheckContext, name: string, edges: readonly number[]): Promise<number[]> {
  const inner = edges.slice(1, -1);
  const bins = await session.rows(
    `SELECT bin, count(*) AS rows FROM (SELECT ${binSql('value', inner)} AS bin FROM (SELECT CAST(${identifier(name)} AS DOUBLE) AS value FROM ${sample})) WHERE bin IS NOT NULL GROUP BY bin`,
  );
  const counts = Array.from({ length: edges.length - 1 }, () => 0);
  for (const { bin, rows } of bins) counts[Number(bin)] = Number(rows);
  return counts;
}

/** Rows of the sample by category, in their order; the last is that of all others. */
async function categorized({ session, sample }: CheckContext, name: string, categories: readonly string[]): Promise<number[]> {
  const column = identifier(name);
  const known = categories.map(textLiteral).join(', ');
  const groups = await session.rows(
    `SELECT category, count(*) AS rows FROM (SELECT CASE WHEN text IN (${known}) THEN text END AS category FROM (SELECT left(CAST(${column} AS VARCHAR), 200) AS text FROM ${sample} WHERE ${column} IS NOT NULL)) GROUP BY category`,
  );
  const byCategory = new Map(groups.map(({ category, rows }) => [category as string | null, Number(rows)]));
  return [...categories, null].map((category) => byCategory.get(category) ?? 0);
}

function withRest(shares: readonly number[]): number[] {
  return [...shares, Math.max(0, 1 - shares.reduce((sum, share) => sum + share, 0))];
}

function numbered(weights: readonly number[]): Map<string, number> {
  return new Map(weights.map((weight, i) => [String(i), weight]));
}

/** Three standard deviations of the difference between two shares, at their widest. */
export function chanceDistance(rows: number, otherRows: number): number {
  return 1.5 * Math.sqrt(1 / rows + 1 / otherRows);
}

/** Three times the divergence to be expected of two samples of one distribution: it behaves like χ² / 8 with a degree of freedom a bin. */
export function chanceDivergence(bins: number, rows: number, otherRows: number): number {
  return ((3 * bins) / (8 * Math.LN2)) * (1 / rows + 1 / otherRows);
}

function categoryMoved(names: readonly string[], before: readonly number[], now: readonly number[]): string {
  const at = largestMove(before, now);
  const subject = at < names.length ? JSON.stringify(names[at].slice(0, 60)) : 'the other values together';
  return `${subject} went from ${shareText(before, at)} to ${shareText(now, at)}`;
}

function binMoved(edges: readonly number[], before: readonly number[], now: readonly number[]): string {
  const at = largestMove(before, now);
  return `values from ${edges[at]} to ${edges[at + 1]} went from ${shareText(before, at)} to ${shareText(now, at)}`;
}

function largestMove(before: readonly number[], now: readonly number[]): number {
  const moves = before.map((_, i) => Math.abs(shareOf(before, i) - shareOf(now, i)));
  return moves.indexOf(Math.max(...moves));
}

function shareOf(weights: readonly number[], i: number): number {
  return weights[i] / weights.reduce((sum, weight) => sum + weight, 0);
}

function shareText(weights: readonly number[], i: number): string {
  return `${(shareOf(weights, i) * 100).toFixed(1)} %`;
}
