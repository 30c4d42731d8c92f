import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ExportInput } from '../contracts/activities.js';
import type {
  BatchManifest,
  BatchRequest,
  PlannedBatch,
  PredictedPartition,
  PredictPartitionInput,
  SealBatchInput,
} from '../contracts/batch.js';
import type { ModelBundle } from '../contracts/model.js';
import type { ServedVersion } from '../contracts/serving.js';
import { scorePartition } from '../ml/batch/score-partition.js';
import type { ScoringJob } from '../ml/batch/scoring-job.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { runExportJob } from '../ml/export/run-export-job.js';
import { openModel } from '../ml/export/run-model.js';
import { batchPlaces } from '../stores/batch-places.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { openRemoteFiles } from '../stores/open-remote-files.js';
import { S3Fixture } from '../stores/s3-fixture.js';
import { createBatchActivities } from './batch.js';
import { createExportActivities } from './export.js';
import { failureOf } from './ingest-fixture.js';
import { trainedFixture } from './trained-fixture.js';

describe('a batch job whose output lies in S3', () => {
  const root = mkdtempSync(join(tmpdir(), 'anneal-batch-s3-'));
  const scratch = join(root, 'scratch');
  const store = new FileArtifactStore(join(root, 'store'));
  let s3: S3Fixture;
  let version: ServedVersion;
  let input: string;
  let scored: number[] = [];
  beforeAll(async () => {
    s3 = await S3Fixture.open();
    const { spec, ref, checkpoint } = await trainedFixture(store, root, 'binary');
    const exported = { spec, prepared: ref, checkpoint, dataDigest: 'abc' };
    const bundle: ModelBundle = await environment().run(
      (given: ExportInput) => createExportActivities({ store, run: runExportJob }).exportModel(given),
      exported,
    );
    version = { version: '3', bundle };
    const path = join(root, 'flights.parquet');
    // The last row lacks what the model needs.
    await withDataSession({ scratchRoot: scratch }, (session) =>
      session.run(`COPY (SELECT CAST(i AS INTEGER) AS id, chr(CAST(65 + i % 6 AS INTEGER)) AS origin,
        CASE WHEN i = 9999 THEN NULL ELSE CAST(100 + i % 900 AS INTEGER) END AS distance, (i % 1000) / 1000.0 AS "load",
        TIMESTAMP '2001-01-01' + to_minutes(CAST(i * 7 AS BIGINT)) AS departed FROM range(10000) AS t(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`),
    );
    await s3.put('in/flights.parquet', readFileSync(path));
    input = path;
  });
  afterAll(async () => {
    await s3.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  const environment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const uri = (key: string) => `s3://${s3.bucket}/${key}`;
  const pool = {
    async run(job: ScoringJob, onRows: (rows: number, totalRows: number) => void, signal?: AbortSignal) {
      scored.push(job.rows?.[0] ?? 0);
      const session = await openModel(job.model.path, job.threads);
      try {
        return await scorePartition(job, session, onRows, signal);
      } finally {
        await session.release();
      }
    },
  };

  function activities() {
    const settings = { endpoint: s3.endpoint };
    const openPlace = batchPlaces(settings, scratch);
    const made = createBatchActivities({
      store,
      projectRoot: root,
      scratchRoot: scratch,
      remote: openRemoteFiles(settings),
      openPlace,
      pool,
    });
    return {
      open: (request: BatchRequest): Promise<{ planned?: PlannedBatch }> =>
        environment().run((given: { request: BatchRequest }) => made.openBatch(given), { request }),
      plan: (request: BatchRequest): Promise<PlannedBatch> =>
        environment().run((given: { request: BatchRequest; version: ServedVersion }) => made.planBatch(given), { request, version }),
      predict: ({ plan }: PlannedBatch, partition: number): Promise<PredictedPartition> =>
        environment().run((given: PredictPartitionInput) => made.predictPartition(given), { plan, partition }),
      seal: ({ plan, startedAtMs }: PlannedBatch) =>
        environment().run((given: SealBatchInput) => made.sealBatch(given), { plan, job: 'job', startedAtMs, maxRejected: 1 }),
    };
  }

  const requestOf = (directory: string, changes: Partial<BatchRequest> = {}): BatchRequest => ({
    model: 'fixture',
    job: 'job',
    source: { format: 'parquet', uri: input },
    directory,
    format: 'parquet',
    keep: 'all',
    rejectOutOfRange: false,
    maxRejected: 1,
    concurrency: 2,
    partitionRows: 4096,
    ...changes,
  });

  async function runJob(request: BatchRequest): Promise<void> {
    const { plan, predict, seal } = activities();
    const planned = await plan(request);
    for (let partition = 0; partition < planned.partitions; partition++) await predict(planned, partition);
    expect(await seal(planned)).toHaveProperty('totals');
  }

  async function keys(prefix: string): Promise<string[]> {
    const { Contents = [] } = await s3.client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: `${prefix}/` }));
    return Contents.map(({ Key = '' }) => Key.slice(prefix.length + 1)).sort();
  }

  async function bytes(key: string): Promise<Buffer> {
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: key }));
    return Buffer.from(await Body!.transformToByteArray());
  }
  const manifest = async (prefix: string) => JSON.parse((await bytes(`${prefix}/manifest.json`)).toString()) as BatchManifest;

  it('has the same parts, to the byte, as one whose output lies in a folder', async () => {
    const folder = join(root, 'folder');
    mkdirSync(folder);
    await runJob(requestOf(folder));
    await runJob(requestOf(uri('same')));
    const local = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as BatchManifest;
    const names = ['part-00000.parquet', 'part-00001.parquet', 'part-00002.parquet', 'rejects/part-00002.parquet'];
    const notes = ['.anneal/job.json', ...names.slice(0, 3).map((name) => `.anneal/parts/${name}.json`)];
    expect(await keys('same')).toEqual([...notes, 'manifest.json', ...names].sort());
    for (const name of names) expect(await bytes(`same/${name}`)).toEqual(readFileSync(join(folder, name)));
    const { parts, inputs, rows, predicted, rejected } = await manifest('same');
    const lasting = (part: BatchManifest['parts'][number]) => ({ ...part, durationMs: 0 });
    expect(parts.map(lasting)).toEqual(local.parts.map(lasting));
    expect({ inputs, rows, predicted, rejected }).toEqual({
      inputs: local.inputs,
      rows: 10_000,
      predicted: 9999,
      rejected: { rows: 1, reasons: { 'distance is missing': 1 } },
    });
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('reads its input from S3, too', async () => {
    await runJob(requestOf(uri('both'), { source: { format: 'parquet', uri: uri('in/*.parquet') } }));
    expect(await manifest('both')).toMatchObject({ predicted: 9999, inputs: [{ uri: uri('in/flights.parquet') }] });
  });

  it('goes on where an attempt was killed, and makes a part that somebody damaged again', async () => {
    const { open, plan, predict, seal } = activities();
    const request = requestOf(uri('resumed'));
    const planned = await plan(request);
    await predict(planned, 0);
    // As one that was killed between the part and its record has left it.
    await s3.put('resumed/part-00001.parquet', 'something else');
    scored = [];
    const { planned: again } = await open(request);
    expect(again).toEqual(planned);
    // Two attempts at once.
    const attempts = await Promise.all([predict(planned, 1), predict(planned, 1)]);
    expect(attempts[0].rows).toBe(3333);
    expect(await predict(planned, 0)).toMatchObject({ reused: true });
    await predict(planned, 2);
    await s3.put('resumed/part-00002.parquet', Buffer.alloc((await bytes('resumed/part-00002.parquet')).length));
    expect(await seal(planned)).toEqual({ damaged: [2] });
    expect(await keys('resumed')).not.toContain('manifest.json');
    await predict(planned, 2);
    expect(await seal(planned)).toMatchObject({ totals: { predicted: 9999, parts: 3, manifest: uri('resumed/manifest.json') } });
    expect(scored).not.toContain(0);
    expect((await manifest('resumed')).parts.map(({ sha256 }) => sha256)).toEqual(
      (await manifest('same')).parts.map(({ sha256 }) => sha256),
    );
  });

  it('takes neither a prefix with other objects, nor that of another job, also when both begin at once', async () => {
    await s3.put('used/notes.txt', 'mine');
    expect(await failureOf(activities().open(requestOf(uri('used'))))).toMatchObject({
      type: 'InvalidRequest',
      message: expect.stringContaining('"notes.txt"'),
    });
    const both = await Promise.allSettled(['a', 'b'].map((job) => activities().plan(requestOf(uri('raced'), { job }))));
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('says which bucket is missing, and what a worker without S3 lacks', async () => {
    const failure = await failureOf(activities().open(requestOf('s3://no-such-bucket-anywhere/out')));
    expect(failure).toMatchObject({ type: 'InvalidRequest', nonRetryable: true });
    expect(failure.message).toMatch(/s3:\/\/no-such-bucket-anywhere\/out could not be .*there is no such bucket/);
    const without = createBatchActivities({ store, projectRoot: root, scratchRoot: scratch });
    const opened = environment().run((given: { request: BatchRequest }) => without.openBatch(given), { request: requestOf(uri('x')) });
    expect(await failureOf(opened)).toMatchObject({ type: 'InvalidRequest', message: expect.stringContaining('no access to S3') });
  });
});
