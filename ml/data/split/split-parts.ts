import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import { labelsOf, type PipelineSpec } from '../../../contracts/pipeline.js';
import { largestSquarable } from '../largest-squarable.js';
import type { DataSession } from '../duckdb-session.js';
import { float32Max } from '../transform/transform-kind.js';
import { partColumn, partRelation } from './part-relation.js';
import { foundInstead, outsideReason, partDescription } from './split-description.js';
import { splitNames } from './split-sql.js';
import { textLiteral } from '../sql-quoting.js';
import { classAnomalies, countLabels, labelAnomalies } from '../validate/target-checks.js';
import { labelBitsSql, labelSumsSql, targetColumn } from '../target-column.js';
import { targetQuantiles } from './target-quantiles.js';

export type PartName = (typeof splitNames)[number];

export interface SplitParts {
  /** Relation with the clean columns, `__anneal_row` and `__anneal_part`. */
  readonly relation: string;
  readonly partColumn: string;
  readonly rows: Readonly<Record<PartName, number>>;
  /** In the order of the model's outputs; the labels of a multilabel target; empty for regression. */
  readonly classes: readonly string[];
  /** Class shares of the training part, or [mean, standard deviation]. */
  readonly trainingPrior: readonly number[];
  readonly dropped: readonly { readonly reason: string; readonly rows: number }[];
  /** SQL of the target as FLOAT: 0/1, index of the class, the labels as bits, or the value; NULL for a class that the training part lacks. */
  readonly target: string;
}

/**
 * Divide the clean rows into training, validation and test, and see that each part can do its work.
 *
 * @param cleanPath Parquet file of the clean rows
 * @throws AnnealError `InvalidData` naming the part that is empty or lacks classes
 */
export async function divideRows(session: DataSession, cleanPath: string, spec: PipelineSpec): Promise<SplitParts> {
  const relation = await partRelation(session, cleanPath, spec);
  const { target } = spec;
  if (target.task === 'regression') return divideValues(session, relation, spec);
  if (target.task === 'multilabel')
    return divideLabels(
      session,
      relation,
      spec,
      labelsOf(target).map(([name]) => name),
    );
  return divideClasses(session, relation, spec, target);
}

async function divideValues(session: DataSession, relation: string, spec: PipelineSpec): Promise<SplitParts> {
  const counts = await session.rows(`SELECT ${partColumn} AS part, count(*) AS rows FROM ${relation} GROUP BY ${partColumn}`);
  const byPart = new Map(counts.map((row) => [row.part as number | null, Number(row.rows)]));
  const rows = await partRows(session, relation, spec, (part) => byPart.get(part) ?? 0);
  const squarable = `FILTER (abs(${targetColumn}) < ${largestSquarable})`;
  const [prior] = await session.sequentially(() =>
    session.rows(
      `SELECT avg(${targetColumn}) ${squarable} AS mean, stddev_pop(${targetColumn}) ${squarable} AS deviation FROM ${relation} WHERE ${partColumn} = 0`,
    ),
  );
  const deviation = Number(prior.deviation);
  if (!(deviation > 0)) {
    throw unfit(spec, 'train', `a target "${spec.target.name}" that varies`, `${Number(prior.mean)} in every row`);
  }
  return {
    relation,
    partColumn,
    rows,
    classes: [],
    trainingPrior: [
      Number(prior.mean),
      deviation,
      ...(await targetQuantiles(session, spec, targetColumn, `${relation} WHERE ${partColumn} = 0`, rows.train)),
    ],
    dropped: droppedRows([[outsideReason(spec.split), byPart.get(null) ?? 0]]),
    target: `CAST(greatest(least(${targetColumn}, ${float32Max}), -${float32Max}) AS FLOAT)`,
  };
}

async function divideLabels(session: DataSession, relation: string, spec: PipelineSpec, labels: readonly string[]): Promise<SplitParts> {
  const parts = await session.rows(`SELECT ${partColumn} AS part, ${labelSumsSql(labels.length)} FROM ${relation} GROUP BY ${partColumn}`);
  const partOf = (part: number | null) => parts.find((each) => each.part === part) ?? {};
  const rows = await partRows(session, relation, spec, (part) => Number(partOf(part).rows ?? 0));
  const trained = countLabels(labels, partOf(0));
  const [problem] = labelAnomalies(trained.counts, spec.target.name, spec.expectations.minRowsPerClass);
  if (problem) throw unfit(spec, 'train', problem.expected, problem.found);
  return {
    relation,
    partColumn,
    rows,
    classes: labels,
    trainingPrior: labels.map((label) => trained.shares[label]),
    dropped: droppedRows([[outsideReason(spec.split), Number(partOf(null).rows ?? 0)]]),
    target: `CAST(${labelBitsSql(labels.length)} AS FLOAT)`,
  };
}

async function divideClasses(
  session: DataSession,
  relation: string,
  spec: PipelineSpec,
  target: Extract<PipelineSpec['target'], { task: 'binary' | 'multiclass' }>,
): Promise<SplitParts> {
  const found = await session.rows(
    `SELECT ${partColumn} AS part, CAST(${targetColumn} AS VARCHAR) AS class, count(*) AS rows FROM ${relation} GROUP BY ${partColumn}, ${targetColumn}`,
  );
  const groups = found.map((row) => ({
    part: row.part as number | null,
    name: target.task === 'binary' ? target.classes[row.class === 'true' ? 1 : 0] : String(row.class),
    rows: Number(row.rows),
  }));
  // By code points, as the digest of the manifest depends on the order.
  const trained = [...new Set(groups.filter((group) => group.part === 0).map((group) => group.name))].sort();
  const classes = target.classes ?? trained;
  const count = (part: number | null, name?: string) =>
    groups
      .filter((group) => group.part === part && (name === undefined ? classes.includes(group.name) : group.name === name))
      .reduce((sum, group) => sum + group.rows, 0);

  const rows = await partRows(session, relation, spec, count);
  for (const [i, part] of splitNames.entries()) {
    const counts = new Map(classes.map((name) => [name, count(i, name)]));
    const [problem] = classAnomalies(counts, target.name, part === 'train' ? spec.expectations.minRowsPerClass : 0);
    if (problem) throw unfit(spec, part, problem.expected, problem.found);
  }
  const unseen = groups.filter((group) => group.part !== null && !classes.includes(group.name)).reduce((sum, group) => sum + group.rows, 0);
  const outside = groups.filter((group) => group.part === null).reduce((sum, group) => sum + group.rows, 0);
  return {
    relation,
    partColumn,
    rows,
    classes,
    trainingPrior: classes.map((name) => count(0, name) / rows.train),
    dropped: droppedRows([
      [outsideReason(spec.split), outside],
      ['the class does not occur in the training part', unseen],
    ]),
    target:
      target.task === 'binary'
        ? `CAST(CAST(${targetColumn} AS INTEGER) AS FLOAT)`
        : `CAST(enum_code(TRY_CAST(${targetColumn} AS ENUM(${classes.map(textLiteral).join(', ')}))) AS FLOAT)`,
  };
}

async function partRows(
  session: DataSession,
  relation: string,
  spec: PipelineSpec,
  count: (part: number) => number,
): Promise<Record<PartName, number>> {
  const rows = { train: count(0), validation: count(1), test: count(2) };
  const empty = splitNames.find((part) => rows[part] === 0);
  if (empty === undefined) return rows;
  throw unfit(spec, empty, partDescription(spec.split, empty), await foundInstead(session, relation, spec));
}

function droppedRows(reasons: readonly (readonly [string, number])[]): { reason: string; rows: number }[] {
  return reasons.filter(([, rows]) => rows > 0).map(([reason, rows]) => ({ reason, rows }));
}

function unfit(spec: PipelineSpec, part: PartName, expected: string, found: string): AnnealError {
  return new AnnealError(
    failureTypes.invalidData,
    `The ${part} part of the pipeline "${spec.name}" cannot be used: expected ${expected}, found ${found}. Change the split, or bring data that cover it, and start a new run.`,
    [{ severity: 'error', rule: 'split', column: spec.target.name, expected: `${part}: ${expected}`, found }],
  );
}
