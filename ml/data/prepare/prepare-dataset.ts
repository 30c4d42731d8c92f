import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FittedTransform, PreparedDataset, PreparedManifest } from '../../../contracts/dataset.js';
import { type PipelineSpec, quantilesOf } from '../../../contracts/pipeline.js';
import type { ArtifactRef } from '../../../contracts/reference.js';
import { allDone } from '../../all-done.js';
import { type DataContext, earlierWork, isReadable } from '../data-context.js';
import { type DataSession, withDataSession } from '../duckdb-session.js';
import { encodePart } from './encode-part.js';
import { artifactsOf, keepSplit } from './encoded-split.js';
import { fitTransform } from './fit-transform.js';
import { withImage } from '../read/image-input.js';
import { fitProfile } from '../../monitor/fit-profile.js';
import { parquetOptions } from '../parquet-options.js';
import { createViews } from '../split/part-views.js';
import { assertNoSkew } from './skew-check.js';
import { sliceColumns } from '../split/slice-columns.js';
import { divideRows } from '../split/split-parts.js';
import { identifier, textLiteral } from '../sql-quoting.js';
import { encodedTarget, targetColumn } from '../target-column.js';
import { trainingEncoding } from './training-encoding.js';
import { encodedColumns, type EncodedColumns } from '../transform/transform-kinds.js';

const formatVersion = 1;
/** Grows when the same clean rows would give another prepared data set. */
const keyVersion = 2;

/**
 * Split the clean rows, fit the transforms on the training part alone, encode training and validation into arrays, and
 * keep the raw test rows for the exported graph.
 *
 * Deterministic: equal clean rows and definitions give the same manifest digest. A data set that was prepared before is
 * found again by the digests of both. Safe to repeat and to kill.
 *
 * @throws AnnealError `InvalidData` when a part is empty or lacks classes, `InvalidPipeline` for a split that cannot be
 *   applied, `InvalidModel` when graph and encoding disagree on real rows
 */
export async function prepareDataset(
  input: { readonly clean: ArtifactRef; readonly spec: PipelineSpec },
  context: DataContext,
): Promise<PreparedDataset> {
  const { clean, spec } = input;
  const { store, onProgress } = context;
  const pointer = `prepared/${preparedKey(clean, spec)}`;
  const known = await knownDataset(pointer, context);
  if (known) return known;

  const cleanPath = await store.localPath(clean);
  return withDataSession(context, async (session) => {
    onProgress?.({ phase: 'split' });
    const parts = await divideRows(session, cleanPath, spec);
    const views = await createViews(session, parts, spec);
    onProgress?.({ phase: 'fit', totalRows: parts.rows.train });
    const transform = withImage(await fitTransform(session, views.train, spec, parts.rows.train), spec);
    const profile = await fitProfile(session, views.train, transform, parts.rows.train);
    const training = await trainingEncoding(session, views.train, spec, transform, parts.rows.train);
    const inputs = transform.inputs.map(({ name }) => name);
    const encode = (part: 'train' | 'validation', relation: string, columns: EncodedColumns) =>
      encodePart(session, relation, transform, columns, part, {
        onRows: (rows) => onProgress?.({ phase: `encode ${part}`, rows, totalRows: parts.rows[part] }),
        sampled: { columns: inputs, rows: parts.rows[part] },
      });
    const train = await encode('train', training.relation, training.columns);
    onProgress?.({ phase: 'check against the graph' });
    await assertNoSkew(transform, train, training.differing);
    const others = async () => {
      const validation = await encode('validation', views.validation, encodedColumns(transform));
      // What training rows encode otherwise is seen as it serves in the validation rows alone.
      if (training.differing.size > 0) await assertNoSkew(transform, validation);
      onProgress?.({ phase: 'test rows', totalRows: parts.rows.test });
      const writing = writeTest(session, views.test, transform, spec, context);
      return allDone([keepSplit(validation, context), writing]);
    };
    // A part is hashed and stored, or sent away, while the next is encoded.
    const [keptTrain, [keptValidation, test]] = await allDone([keepSplit(train, context), others()]);

    const manifest: PreparedManifest = {
      formatVersion,
      task: spec.target.task,
      classes: parts.classes,
      transform: await store.putJson(transform),
      layout: transform.layout,
      profile: await store.putJson(profile),
      train: keptTrain,
      validation: keptValidation,
      test: { rows: parts.rows.test, data: test },
      trainingPrior: parts.trainingPrior,
      dropped: parts.dropped,
    };
    const ref = await store.putJson(manifest);
    await store.setPointer(pointer, ref);
    return { manifest: ref, rows: parts.rows, dropped: parts.dropped };
  });
}

function preparedKey(clean: ArtifactRef, spec: PipelineSpec): string {
  const parts = [spec.columns, spec.target, spec.split, spec.features, spec.evaluation.slices, spec.expectations.minRowsPerClass];
  // Their values in the training part are part of the result.
  const quantiles = quantilesOf(spec.training);
  return createHash('sha256')
    .update(JSON.stringify([keyVersion, clean.sha256, ...parts, ...(quantiles ? [quantiles] : [])]))
    .digest('hex');
}

async function knownDataset(pointer: string, context: DataContext): Promise<PreparedDataset | undefined> {
  const { store } = context;
  const ref = await earlierWork(context, pointer);
  // What was damaged or cleaned away is made again.
  if (!ref || !(await isReadable(context, [ref]))) return undefined;
  const manifest = await store.readJson<PreparedManifest>(ref);
  const { train, validation, test, dropped, profile } = manifest;
  if (
    !(await isReadable(context, [
      manifest.transform,
      ...(profile ? [profile] : []),
      test.data,
      ...artifactsOf(train),
      ...artifactsOf(validation),
    ]))
  )
    return undefined;
  return { manifest: ref, rows: { train: train.rows, validation: validation.rows, test: test.rows }, dropped };
}

async function writeTest(
  session: DataSession,
  view: string,
  transform: FittedTransform,
  spec: PipelineSpec,
  context: DataContext,
): Promise<ArtifactRef> {
  const path = join(session.scratch, 'test.parquet');
  const columns = [
    ...[...transform.inputs, ...(transform.image ? [transform.image] : [])].map((input) => identifier(input.name)),
    ...sliceColumns(spec).map(({ name }) => identifier(name)),
    `${encodedTarget} AS ${targetColumn}`,
  ].join(', ');
  await session.run(`COPY (SELECT ${columns} FROM ${view}) TO ${textLiteral(path)} (${parquetOptions(spec)})`);
  return context.store.putFile(path);
}
