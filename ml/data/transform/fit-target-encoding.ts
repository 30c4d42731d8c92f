import type { RawInput } from '../../../contracts/dataset.js';
import type { FittedTargetEncoding } from '../../../contracts/fitted-feature.js';
import type { FeatureSpec } from '../../../contracts/pipeline.js';
import type { DataSession } from '../duckdb-session.js';
import { encodedTarget } from '../target-column.js';
import { reservedIndices, unknownIndex, vocabularyIndex } from './category-text.js';
import { tableValue } from './target-encoding.js';
import type { TrainingRows } from './training-rows.js';
import { type NumberSql, usableScale } from './transform-kind.js';

type CategoricalSpec = Extract<FeatureSpec, { kind: 'categorical' }>;

const defaultSmoothing = 20;
const defaultFolds = 5;

/** Mean and deviation of each column's target over all training rows. */
interface TargetMoments {
  readonly sql: string;
  readonly mean: number;
  readonly deviation: number;
}

/** By category and fold: [rows, sum of each column's target]. */
type Sums = ReadonlyMap<number, ReadonlyMap<number, readonly number[]>>;

/**
 * Fit the mean target of each category: (sum + smoothing · prior) / (rows + smoothing), where the prior is the mean of all
 * rows, and stands for rare and unknown categories. It is then standardized by the target's mean and deviation.
 *
 * One column for a binary target (share of the positive class) and for a regression; one a class for several classes.
 *
 * @param vocabulary the categories that get a value of their own; missing ones have one, too
 */
export async function fitTargetEncoding(
  session: DataSession,
  training: TrainingRows,
  name: string,
  spec: CategoricalSpec,
  input: RawInput,
  vocabulary: readonly string[],
): Promise<FittedTargetEncoding> {
  const targets = await targetMoments(session, training);
  const sums = await sumsByFold(session, training.relation, vocabularyIndex(vocabulary, input), '0', targets);
  return {
    kind: 'target-encoding',
    name,
    input: spec.column,
    vocabulary,
    columns: targets.length === 1 ? [name] : targets.map((_, i) => `${name}[${i}]`),
    table: tableOf(sums, vocabulary.length + reservedIndices, targets, spec.smoothing ?? defaultSmoothing),
  };
}

/**
 * How training rows are encoded: as `fitTargetEncoding` says, but from the rows of the other folds, so that no row's own target
 * is in its feature. The folds follow from the rows' positions.
 *
 * @param training whose relation has the row's position, from 0, as `position`
 * @returns SQL of the feature's columns
 * @see scikit-learn's `TargetEncoder`, "cross fitting"
 */
export async function outOfFoldColumns(
  session: DataSession,
  training: TrainingRows,
  position: string,
  spec: CategoricalSpec,
  input: RawInput,
  { vocabulary, columns }: FittedTargetEncoding,
): Promise<NumberSql[]> {
  const folds = spec.folds ?? defaultFolds;
  const fold = `CAST(hash(${position}) % ${folds} AS INTEGER)`;
  const size = vocabulary.length + reservedIndices;
  const index = vocabularyIndex(vocabulary, input);
  const targets = await targetMoments(session, training);
  const sums = await sumsByFold(session, training.relation, index, fold, targets);
  const table = Array.from({ length: folds }, (_, left) => tableOf(sums, size, targets, spec.smoothing ?? defaultSmoothing, left)).flat();
  return columns.map((_, column) => ({ sql: tableValue(table, column, `(${fold} * ${size} + ${index})`), width: 1 }));
}

async function targetMoments(session: DataSession, { relation, classes }: TrainingRows): Promise<TargetMoments[]> {
  const target = `CAST(${encodedTarget} AS DOUBLE)`;
  const expressions = classes > 2 ? Array.from({ length: classes }, (_, i) => `CAST(${encodedTarget} = ${i} AS DOUBLE)`) : [target];
  const moments = expressions.map((sql, i) => `avg(${sql}) AS mean${i}, stddev_pop(${sql}) AS deviation${i}`);
  const [found] = await session.rows(`SELECT ${moments.join(', ')} FROM ${relation}`);
  return expressions.map((sql, i) => ({ sql, mean: Number(found[`mean${i}`]), deviation: Number(found[`deviation${i}`]) }));
}

async function sumsByFold(
  session: DataSession,
  relation: string,
  index: string,
  fold: string,
  targets: readonly TargetMoments[],
): Promise<Sums> {
  const columns = targets.map(({ sql }, i) => `sum(${sql}) AS sum${i}`);
  const found = await session.rows(
    `SELECT ${index} AS place, ${fold} AS fold, count(*) AS rows, ${columns.join(', ')} FROM ${relation} GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const sums = new Map<number, Map<number, number[]>>();
  for (const row of found) {
    const folds = sums.get(Number(row.place)) ?? new Map<number, number[]>();
    sums.set(Number(row.place), folds.set(Number(row.fold), [Number(row.rows), ...targets.map((_, i) => Number(row[`sum${i}`]))]));
  }
  return sums;
}

/** @param left a fold that does not count @returns float32 values [size, columns] */
function tableOf(sums: Sums, size: number, targets: readonly TargetMoments[], smoothing: number, left?: number): number[][] {
  const none = [0, ...targets.map(() => 0)];
  const add = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value + b[i]);
  const byIndex = Array.from({ length: size }, (_, index) =>
    [...(sums.get(index) ?? [])].reduce((total, [fold, found]) => (fold === left ? total : add(total, found)), none),
  );
  const [rows, ...totals] = byIndex.reduce(add, none);
  return byIndex.map(([count, ...found], index) =>
    targets.map(({ mean, deviation }, column) => {
      const prior = rows > 0 ? totals[column] / rows : mean;
      const isKnown = index !== unknownIndex && count + smoothing > 0;
      const value = isKnown ? (found[column] + smoothing * prior) / (count + smoothing) : prior;
      return Math.fround((value - mean) / usableScale(deviation, mean));
    }),
  );
}
