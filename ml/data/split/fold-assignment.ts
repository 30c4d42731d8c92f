import { join } from 'node:path';
import { type CrossValidationSpec, type PipelineSpec, timeColumn } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { parquetOptions } from '../parquet-options.js';
import { cutsReached, hashFraction } from './row-hash.js';
import { internalPrefix } from '../validate/schema-check.js';
import { rowNumberColumn } from './part-relation.js';
import type { SplitParts } from './split-parts.js';
import { assertOneClassPerKey } from './split-sql.js';
import { identifier, numberLiteral, pathLiteral, textLiteral } from '../sql-quoting.js';
import { strataCuts } from './strata.js';
import { targetColumn } from '../target-column.js';

type KFold = Extract<CrossValidationSpec, { kind: 'k-fold' }>;
type TimeSeries = Extract<CrossValidationSpec, { kind: 'time-series' }>;

export interface FoldAssignment {
  /** Relation of the rows of the training and validation parts, with the number of the row, in their order. */
  readonly relation: string;
  /** SQL of the fold that holds the row out, from 1; 0 or NULL where none does. */
  readonly fold: string;
  /** SQL of what the row is in a fold (from 1): 0 trains, 1 validates, 2 is held out, NULL takes no part. */
  role(fold: number): string;
}

const foldColumn = `${internalPrefix}fold`;
const innerColumn = `${internalPrefix}inner`;
const timeOfRow = `${internalPrefix}time`;

/**
 * Decide for each row of the training and validation parts in which fold it is held out.
 *
 * A k-fold takes a hash of the row (of its group or key) that has nothing to do with the split's; a time series cuts the
 * times into blocks of equally many rows, the first of which is never held out. Within a fold, `share` of the rows that are not
 * held out stop and calibrate the training, as the validation part does in the run: others by hash, the latest of a time series.
 *
 * @throws AnnealError `InvalidData` when a key has rows of several classes and the folds are stratified
 */
export async function assignFolds(session: DataSession, parts: SplitParts, spec: PipelineSpec, share: number): Promise<FoldAssignment> {
  const learned = `(SELECT * EXCLUDE (${parts.partColumn}) FROM ${parts.relation} WHERE ${parts.partColumn} IN (0, 1) AND (${parts.target}) IS NOT NULL)`;
  const crossValidation = spec.crossValidation!;
  return crossValidation.kind === 'k-fold'
    ? assignByHash(session, learned, spec, crossValidation, share)
    : assignByTime(session, learned, spec, crossValidation, share);
}

async function assignByHash(session: DataSession, rows: string, spec: PipelineSpec, folds: KFold, share: number): Promise<FoldAssignment> {
  const together =
    folds.group ?? (spec.split.kind === 'group' ? spec.split.columns : spec.split.kind === 'random' ? spec.split.key : undefined);
  if (folds.stratify && together)
    await assertOneClassPerKey(session, rows, `The cross-validation of the pipeline "${spec.name}"`, together);
  const columns = together ?? [...Object.keys(spec.columns), targetColumn];
  const cutsOf = (fraction: string, shares: readonly number[]): Promise<string[]> =>
    folds.stratify
      ? strataCuts(session, rows, { fraction, stratum: `CAST(${targetColumn} AS VARCHAR)`, shares })
      : Promise.resolve(shares.map(numberLiteral));
  const fraction = hashFraction(`fold ${folds.seed}`, columns, spec.columns);
  const inner = hashFraction(`validation ${folds.seed}`, columns, spec.columns);
  const foldCuts = await cutsOf(
    fraction,
    Array.from({ length: folds.folds - 1 }, (_, i) => (i + 1) / folds.folds),
  );
  const [innerCut] = await cutsOf(inner, [share]);
  const query = `SELECT *, 1 + ${cutsReached(fraction, foldCuts)} AS ${foldColumn}, ${inner} < ${innerCut} AS ${innerColumn} FROM ${rows}`;
  return {
    relation: await materialized(session, query, spec),
    fold: foldColumn,
    role: (fold) => `CASE WHEN ${foldColumn} = ${fold} THEN 2 WHEN ${innerColumn} THEN 1 ELSE 0 END`,
  };
}

async function assignByTime(
  session: DataSession,
  rows: string,
  spec: PipelineSpec,
  folds: TimeSeries,
  share: number,
): Promise<FoldAssignment> {
  const time = `epoch_us(${identifier(timeColumn(folds, spec.split)!)})`;
  const cuts = await quantiles(
    session,
    `SELECT ${time} AS t FROM ${rows}`,
    Array.from({ length: folds.folds }, (_, i) => (i + 1) / (folds.folds + 1)),
  );
  const query = `SELECT *, ${time} AS ${timeOfRow}, ${cutsReached(time, cuts.map(bigintLiteral))} AS ${foldColumn} FROM ${rows}`;
  const relation = await materialized(session, query, spec);
  const innerStarts: bigint[] = [];
  const ends = cuts.map((cut) => cut - microseconds(folds.gap));
  for (const end of ends) {
    const [start] = await quantiles(session, `SELECT ${timeOfRow} AS t FROM ${relation} WHERE ${timeOfRow} < ${bigintLiteral(end)}`, [
      1 - share,
    ]);
    innerStarts.push(start ?? end);
  }
  return {
    relation,
    fold: foldColumn,
    role: (fold) =>
      `CASE WHEN ${foldColumn} = ${fold} THEN 2 WHEN ${timeOfRow} >= ${bigintLiteral(ends[fold - 1])} THEN NULL ` +
      `WHEN ${timeOfRow} >= ${bigintLiteral(innerStarts[fold - 1])} THEN 1 WHEN ${timeOfRow} IS NOT NULL THEN 0 END`,
  };
}

/** A digest of every row is too dear to be computed again in each fold. */
async function materialized(session: DataSession, query: string, spec: PipelineSpec): Promise<string> {
  const path = join(session.scratch, 'folds.parquet');
  await session.run(`COPY (${query}) TO ${textLiteral(path)} (${parquetOptions(spec)})`);
  const relation = `${internalPrefix}folds`;
  await session.run(`CREATE OR REPLACE VIEW ${relation} AS SELECT * FROM read_parquet(${pathLiteral(path)}, hive_partitioning = false)`);
  return relation;
}

/** @returns empty when there is no value */
async function quantiles(session: DataSession, values: string, shares: readonly number[]): Promise<bigint[]> {
  const [{ q }] = await session.rows(`SELECT quantile_disc(t, [${shares.join(', ')}]) AS q FROM (${values})`);
  return (q as bigint[] | null) ?? [];
}

function bigintLiteral(value: bigint): string {
  return `CAST(${value} AS BIGINT)`;
}

const unitSeconds: Readonly<Record<string, bigint>> = { second: 1n, minute: 60n, hour: 3600n, day: 86_400n, week: 604_800n };

/** `7 days` → microseconds; nothing → 0. */
function microseconds(gap: string | undefined): bigint {
  if (gap === undefined) return 0n;
  const [count, unit] = gap.split(' ');
  return BigInt(count) * unitSeconds[unit.replace(/s$/, '')] * 1_000_000n;
}

/** Query of which fold held each row out, in the order of the rows. */
export function assignmentQuery({ relation, fold }: FoldAssignment): string {
  return `SELECT ${rowNumberColumn} AS "row", CAST(${fold} AS INTEGER) AS fold FROM ${relation} WHERE ${fold} > 0`;
}
