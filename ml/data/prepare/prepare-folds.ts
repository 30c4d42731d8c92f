import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { canonicalJson } from '../../../contracts/canonical-json.js';
import type { FoldRows, PreparedFold, PreparedFolds, PrepareFoldsInput } from '../../../contracts/cross-validation.js';
import type { PreparedManifest } from '../../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { PipelineSpec } from '../../../contracts/pipeline.js';
import { type DataContext, earlierWork, isReadable } from '../data-context.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { encodePart } from './encode-part.js';
import { artifactsOf, keepSplit } from './encoded-split.js';
import { fitTransform } from './fit-transform.js';
import { assignFolds, assignmentQuery } from '../split/fold-assignment.js';
import { withImage } from '../read/image-input.js';
import { createViews } from '../split/part-views.js';
import { divideRows, type PartName, type SplitParts } from '../split/split-parts.js';
import { textLiteral } from '../sql-quoting.js';
import { encodedTarget } from '../target-column.js';
import { trainingEncoding } from './training-encoding.js';
import { encodedColumns } from '../transform/transform-kinds.js';
import { targetQuantiles } from '../split/target-quantiles.js';

/** Grows when the same rows would give other folds. */
const formatVersion = 1;
/** Of a fold's rows that are not held out, the share that stops and calibrates its training lies between these. */
const innerShare = { min: 0.05, max: 0.3 } as const;

/**
 * Prepare every fold of a cross-validation: transforms fitted on the fold's own training rows, and three encoded parts.
 *
 * Training and held-out rows come from the training and validation parts of the run; its test rows are in no fold.
 * Deterministic, safe to repeat and to kill; folds that were prepared before are found again.
 *
 * @throws AnnealError `InvalidData` naming the fold that has too few rows or classes
 */
export async function prepareFolds(input: PrepareFoldsInput, context: DataContext): Promise<PreparedFolds> {
  const { clean, spec } = input;
  const { store, onProgress } = context;
  const pointer = `folds/${foldsKey(input)}`;
  const known = await knownFolds(pointer, context);
  if (known) return known;
  const prepared = await store.readJson<PreparedManifest>(input.prepared);
  const cleanPath = await store.localPath(clean);
  return withDataSession(context, async (session) => {
    onProgress?.({ phase: 'folds' });
    const parts = await divideRows(session, cleanPath, spec);
    const { train, validation } = parts.rows;
    const share = Math.min(innerShare.max, Math.max(innerShare.min, validation / (train + validation)));
    const assignment = await assignFolds(session, parts, spec, share);
    const path = join(session.scratch, 'assignment.parquet');
    await session.run(`COPY (${assignmentQuery(assignment)}) TO ${textLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
    const count = spec.crossValidation!.folds;
    const folds: PreparedFold[] = [];
    for (let fold = 1; fold <= count; fold++) {
      onProgress?.({ phase: `fold ${fold} of ${count}` });
      const rolled = { ...parts, relation: assignment.relation, partColumn: `(${assignment.role(fold)})` };
      folds.push(await prepareFold(session, rolled, { fold, spec, prepared }, context));
    }
    const result: PreparedFolds = { folds, assignment: await store.putFile(path) };
    await store.setPointer(pointer, await store.putJson(result));
    return result;
  });
}

interface FoldWork {
  readonly fold: number;
  readonly spec: PipelineSpec;
  readonly prepared: PreparedManifest;
}

async function prepareFold(
  session: DataSession,
  parts: SplitParts,
  { fold, spec, prepared }: FoldWork,
  context: DataContext,
): Promise<PreparedFold> {
  const views = await createViews(session, parts, spec);
  const rows = await foldRows(session, views, fold, spec);
  const transform = withImage(await fitTransform(session, views.train, spec, rows.train), spec);
  const training = await trainingEncoding(session, views.train, spec, transform, rows.train);
  const encode = async (part: PartName, relation = views[part], columns = encodedColumns(transform)) =>
    keepSplit(await encodePart(session, relation, transform, columns, `fold-${fold}-${part}`), context);
  const manifest: PreparedManifest = {
    ...prepared,
    transform: await context.store.putJson(transform),
    layout: transform.layout,
    train: await encode('train', training.relation, training.columns),
    validation: await encode('validation'),
    heldOut: await encode('test'),
    trainingPrior: await priorOf(session, views.train, prepared, spec, rows.train),
  };
  return { fold, prepared: await context.store.putJson(manifest), rows };
}

async function foldRows(
  session: DataSession,
  views: Readonly<Record<PartName, string>>,
  fold: number,
  spec: PipelineSpec,
): Promise<FoldRows> {
  const names = ['train', 'validation', 'test'] as const;
  const selects = names.map(
    (name) => `SELECT '${name}' AS part, count(*) AS n, count(DISTINCT ${encodedTarget}) AS classes FROM ${views[name]}`,
  );
  const found = new Map((await session.rows(selects.join(' UNION ALL '))).map((row) => [row.part, row]));
  for (const name of names) {
    const { n, classes } = found.get(name)!;
    const needed = name === 'test' || spec.target.task === 'regression' ? 1 : 2;
    if (Number(n) > 0 && Number(classes) >= needed) continue;
    const what = { train: 'rows that train', validation: 'rows that validate', test: 'rows that are held out' }[name];
    throw new AnnealError(
      failureTypes.invalidData,
      `Fold ${fold} of ${spec.crossValidation!.folds} of the cross-validation cannot be used: among its ${what} there are ${String(n)} rows${needed > 1 ? ` of ${String(classes)} classes` : ''}, expected at least ${needed > 1 ? 'two classes' : 'one row'}. Use fewer folds (crossValidation.folds)${needed > 1 ? ', stratify them,' : ''} or bring more data.`,
    );
  }
  const count = (name: PartName): number => Number(found.get(name)!.n);
  return { train: count('train'), validation: count('validation'), heldOut: count('test') };
}

/** Class shares of the training rows, or [mean, standard deviation, quantiles that are predicted…]. */
async function priorOf(
  session: DataSession,
  train: string,
  { task, classes }: PreparedManifest,
  spec: PipelineSpec,
  rows: number,
): Promise<number[]> {
  if (task === 'regression') {
    const [found] = await session.sequentially(() =>
      session.rows(
        `SELECT avg(CAST(${encodedTarget} AS DOUBLE)) AS mean, stddev_pop(CAST(${encodedTarget} AS DOUBLE)) AS deviation FROM ${train}`,
      ),
    );
    return [Number(found.mean), Number(found.deviation), ...(await targetQuantiles(session, spec, encodedTarget, train, rows))];
  }
  if (task === 'multilabel') {
    const shares = classes.map((_, label) => `avg((CAST(${encodedTarget} AS INTEGER) >> ${label}) & 1) AS s${label}`);
    const [found] = await session.rows(`SELECT ${shares.join(', ')} FROM ${train}`);
    return classes.map((_, label) => Number(found[`s${label}`]));
  }
  const found = await session.rows(`SELECT CAST(${encodedTarget} AS INTEGER) AS class, count(*) AS n FROM ${train} GROUP BY ALL`);
  const counts = new Map(found.map((row) => [Number(row.class), Number(row.n)]));
  const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
  return classes.map((_, i) => (counts.get(i) ?? 0) / total);
}

function foldsKey({ clean, spec, prepared }: PrepareFoldsInput): string {
  const { concurrency: _, ...crossValidation } = spec.crossValidation!;
  const parts = [spec.columns, spec.target, spec.split, spec.features, spec.evaluation.slices, crossValidation];
  return createHash('sha256')
    .update(canonicalJson([formatVersion, clean.sha256, prepared.sha256, Object.keys(spec.features), ...parts]))
    .digest('hex');
}

async function knownFolds(pointer: string, context: DataContext): Promise<PreparedFolds | undefined> {
  const ref = await earlierWork(context, pointer);
  if (!ref || !(await isReadable(context, [ref]))) return undefined;
  const known = await context.store.readJson<PreparedFolds>(ref);
  if (!(await isReadable(context, [known.assignment, ...known.folds.map(({ prepared }) => prepared)]))) return undefined;
  for (const { prepared } of known.folds) {
    const { train, validation, heldOut, transform } = await context.store.readJson<PreparedManifest>(prepared);
    if (!heldOut || !(await isReadable(context, [transform, ...[train, validation, heldOut].flatMap(artifactsOf)]))) return undefined;
  }
  return known;
}
