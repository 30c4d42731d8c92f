import { join } from 'node:path';
import type { FittedFeature, FittedTransform, PreparedManifest, RawInput } from '../contracts/dataset.js';
import { definePipeline, type PipelineInput, type PipelineSpec, quantilesOf, type Task, type TrainingSpec } from '../contracts/pipeline.js';
import type { ArtifactRef } from '../contracts/reference.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { type DataSession, withDataSession } from '../ml/data/duckdb-session.js';
import { rowNumberColumn } from '../ml/data/split/part-relation.js';
import { encodedColumns, layoutOf } from '../ml/data/transform/transform-kinds.js';
import { fitProfile } from '../ml/monitor/fit-profile.js';

const inputs: readonly RawInput[] = [
  { name: 'origin', type: 'string', columnType: 'string', nullable: true },
  { name: 'distance', type: 'int64', columnType: 'integer', nullable: false },
  { name: 'load', type: 'float64', columnType: 'float', nullable: true },
  { name: 'departed', type: 'int64', columnType: 'timestamp', nullable: false },
];

const features: readonly FittedFeature[] = [
  // "F" occurs in the rows, and was too rare to be taken up.
  { kind: 'categorical', name: 'origin', input: 'origin', vocabulary: ['A', 'B', 'C', 'D', 'E'], dimension: 3 },
  { kind: 'calendar', name: 'hour', input: 'departed', part: 'hour', dimension: 4 },
  { kind: 'numeric', name: 'distance', input: 'distance', fill: 500, center: 500, scale: 250, missingIndicator: false },
  { kind: 'numeric', name: 'load', input: 'load', fill: 0.5, center: 0.5, scale: 0.3, missingIndicator: true },
];

const transform: FittedTransform = { formatVersion: 1, inputs, features, layout: layoutOf(features) };

const score = `2 * CAST((departed // 3600000) % 24 > 15 AS INTEGER) + 1.5 * CAST(coalesce(origin, '') = 'B' AS INTEGER)
  + distance / 400.0 - coalesce("load", 0.2) + 0.5 * (hash(i, 5) % 1000) / 1000.0`;

const targets: Readonly<
  Record<Task, { readonly sql: string; readonly classes: readonly string[]; readonly spec: PipelineInput['target'] }>
> = {
  binary: {
    sql: `CAST(${score} > 3 AS FLOAT)`,
    classes: ['on time', 'late'],
    spec: { task: 'binary', name: 'late', expression: 'true', classes: ['on time', 'late'] },
  },
  multiclass: {
    sql: `CAST(CASE WHEN ${score} > 4 THEN 2 WHEN ${score} > 2 THEN 1 ELSE 0 END AS FLOAT)`,
    classes: ['high', 'low', 'middle'],
    spec: { task: 'multiclass', name: 'level', expression: "'low'" },
  },
  multilabel: {
    sql: `CAST(CAST(${score} > 3 AS INTEGER) + 2 * CAST(distance > 700 AS INTEGER) + 4 * CAST(origin = 'B' IS TRUE AS INTEGER) AS FLOAT)`,
    classes: ['late', 'far', 'from B'],
    spec: { task: 'multilabel', name: 'labels', labels: { late: 'true', far: 'distance > 700', 'from B': "origin = 'B'" } },
  },
  regression: { sql: `CAST(100 + 10 * (${score}) AS FLOAT)`, classes: [], spec: { task: 'regression', name: 'delay', expression: '1' } },
};

export interface PreparedFixture {
  readonly manifest: PreparedManifest;
  readonly ref: ArtifactRef;
  readonly spec: PipelineSpec;
}

/**
 * A small prepared data set with every kind of feature, missing values and unseen categories, made by the real DuckDB
 * and the transform's SQL.
 *
 * @param root directory for DuckDB's scratch files
 */
export async function preparedFixture(
  store: ArtifactStore,
  root: string,
  task: Task,
  testRows = 600,
  training: Partial<TrainingSpec> = {},
): Promise<PreparedFixture> {
  return withDataSession({ scratchRoot: root }, async (session) => {
    await session.run(`CREATE TABLE raw AS SELECT i,
      CASE WHEN hash(i, 1) % 20 = 0 THEN NULL ELSE chr(CAST(65 + hash(i, 1) % 6 AS INTEGER)) END AS origin,
      CAST(100 + hash(i, 2) % 900 AS BIGINT) AS distance,
      CASE WHEN hash(i, 3) % 10 = 0 THEN NULL ELSE CAST((hash(i, 3) % 1000) / 1000.0 AS DOUBLE) END AS "load",
      CAST(978307200000 + (hash(i, 4) % 129600) * 60000 AS BIGINT) AS departed
      FROM range(${3000 + testRows}) AS rows(i)`);
    await session.run(`CREATE VIEW train AS SELECT *, i AS ${rowNumberColumn} FROM raw WHERE i < 2000`);
    const profile = await fitProfile(session, 'train', transform, 2000);
    const train = await encodedSplit(session, store, task, 'i < 2000');
    const validation = await encodedSplit(session, store, task, 'i >= 2000 AND i < 3000');
    const parquet = join(session.scratch, 'test.parquet');
    await session.run(`COPY (SELECT origin, distance, "load", departed, origin AS __slice_origin,
      CAST((departed // 3600000) % 24 AS VARCHAR) AS __slice_hour, ${targets[task].sql} AS __target
      FROM raw WHERE i >= 3000 ORDER BY i) TO '${parquet}' (FORMAT parquet)`);
    const spec = specOf(task, training);
    const manifest: PreparedManifest = {
      formatVersion: 1,
      task,
      classes: targets[task].classes,
      transform: await store.putJson(transform),
      layout: transform.layout,
      profile: await store.putJson(profile),
      train: train.split,
      validation: validation.split,
      test: { rows: testRows, data: await store.putFile(parquet) },
      trainingPrior: priorOf(task, targets[task].classes.length, train.target, spec),
      dropped: [],
    };
    return { manifest, ref: await store.putJson(manifest), spec };
  });
}

async function encodedSplit(
  session: DataSession,
  store: ArtifactStore,
  task: Task,
  where: string,
): Promise<{ split: PreparedManifest['train']; target: Float32Array }> {
  const columns = encodedColumns(transform);
  const rows =
    await session.rows(`SELECT [${columns.categorical.join(', ')}] AS indices, [${columns.numeric.map(({ sql }) => sql).join(', ')}] AS numbers,
    ${targets[task].sql} AS target FROM raw WHERE ${where} ORDER BY i`);
  const categorical = Int32Array.from(rows.flatMap((row) => row.indices as number[]).map(Number));
  const numeric = Float32Array.from(rows.flatMap((row) => row.numbers as number[]));
  const target = Float32Array.from(rows, (row) => row.target as number);
  const put = (array: Int32Array | Float32Array): Promise<ArtifactRef> =>
    store.putBytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return {
    split: { rows: rows.length, categorical: await put(categorical), numeric: await put(numeric), target: await put(target) },
    target,
  };
}

function priorOf(task: Task, classes: number, target: Float32Array, { training }: PipelineSpec): number[] {
  const share = (label: number): number => target.filter((value) => value === label).length / target.length;
  if (task === 'multilabel')
    return Array.from({ length: classes }, (_, label) => target.filter((bits) => ((bits >> label) & 1) === 1).length / target.length);
  if (task !== 'regression') return Array.from({ length: classes }, (_, label) => share(label));
  const mean = target.reduce((sum, value) => sum + value, 0) / target.length;
  const sorted = target.toSorted();
  const quantiles = (quantilesOf(training) ?? []).map((quantile) => sorted[Math.floor(quantile * (sorted.length - 1))]);
  return [mean, Math.sqrt(target.reduce((sum, value) => sum + (value - mean) ** 2, 0) / target.length), ...quantiles];
}

function specOf(task: Task, training: Partial<TrainingSpec>): PipelineSpec {
  return definePipeline({
    name: `fixture-${task}`,
    source: { format: 'parquet', uri: 'fixture.parquet' },
    columns: {
      origin: { type: 'string', nullable: true },
      distance: { type: 'integer' },
      load: { type: 'float', nullable: true },
      departed: { type: 'timestamp' },
    },
    target: targets[task].spec,
    split: { kind: 'random' },
    features: {
      origin: { kind: 'categorical', column: 'origin', dimension: 3 },
      hour: { kind: 'calendar', column: 'departed', part: 'hour', dimension: 4 },
      distance: { kind: 'numeric', column: 'distance' },
      load: { kind: 'numeric', column: 'load', missingIndicator: true },
    },
    model: { family: 'wide-and-deep', hidden: [16] },
    training: {
      engine: 'onnxruntime',
      epochs: 15,
      batchSize: 64,
      learningRate: 0.01,
      classWeights: task === 'regression' || task === 'multilabel' ? 'none' : 'balanced',
      ...training,
    },
    evaluation: { slices: ['origin', 'hour'] },
  });
}
