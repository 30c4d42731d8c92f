import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ExportInput } from '../contracts/activities.js';
import type {
  BatchManifest,
  BatchPlan,
  BatchRequest,
  PartitionProgress,
  PlannedBatch,
  PredictedPartition,
  PredictPartitionInput,
  SealBatchInput,
  SealedBatch,
} from '../contracts/batch.js';
import type { ModelBundle, ModelManifest } from '../contracts/model.js';
import type { Task } from '../contracts/pipeline.js';
import type { RemoteFiles } from '../contracts/remote-files.js';
import type { ServedVersion } from '../contracts/serving.js';
import { predictionColumns } from '../ml/batch/output-columns.js';
import { scorePartition } from '../ml/batch/score-partition.js';
import { ScoringPool } from '../ml/batch/scoring-pool.js';
import type { ScoringJob } from '../ml/batch/scoring-job.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { runExportJob } from '../ml/export/run-export-job.js';
import { openModel, predictClassesWith, predictWith, runModel } from '../ml/export/run-model.js';
import { labelFlags } from '../serving/tensors.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createBatchActivities } from './batch.js';
import { createExportActivities } from './export.js';
import { trainedFixture } from './trained-fixture.js';

let root: string;
let store: FileArtifactStore;
const versions = {} as Record<Task, ServedVersion>;
let jobs = 0;
let folder: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-batch-'));
  store = new FileArtifactStore(join(root, 'store'));
  for (const task of ['binary', 'multiclass', 'multilabel', 'regression'] as const) {
    const { spec, ref, checkpoint } = await trainedFixture(store, root, task);
    const columns = { ...spec.columns, distance: { ...spec.columns.distance, min: 0, max: 1000 } } as typeof spec.columns;
    const input = { spec: { ...spec, columns }, prepared: ref, checkpoint, dataDigest: 'abc' };
    const bundle: ModelBundle = await environment().run(
      (given: ExportInput) => createExportActivities({ store, run: runExportJob }).exportModel(given),
      input,
    );
    versions[task] = { version: '3', bundle };
  }
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = join(root, `case-${jobs++}`);
  mkdirSync(folder);
});

/** The prediction of a partition in this process; children are tried by their own test. */
const inProcess = {
  async run(job: ScoringJob, onRows: (rows: number, totalRows: number) => void, signal?: AbortSignal) {
    const session = await openModel(job.model.path, job.threads);
    try {
      return await scorePartition(job, session, onRows, signal);
    } finally {
      await session.release();
    }
  },
};

function environment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}

function requestOf(uri: string, changes: Partial<BatchRequest> = {}): BatchRequest {
  return {
    model: 'fixture',
    job: 'job',
    source: { format: 'parquet', uri },
    directory: join(folder, 'output'),
    format: 'parquet',
    keep: 'all',
    rejectOutOfRange: false,
    maxRejected: 1,
    concurrency: 2,
    partitionRows: 250_000,
    ...changes,
  };
}

function activities(pool: Pick<ScoringPool, 'run'> = inProcess, remote?: RemoteFiles) {
  const made = createBatchActivities({
    store,
    projectRoot: folder,
    scratchRoot: join(root, 'scratch'),
    pool,
    ...(remote ? { remote } : {}),
  });
  return {
    open: (request: BatchRequest): Promise<{ planned?: PlannedBatch }> =>
      environment().run((input: { request: BatchRequest }) => made.openBatch(input), { request }),
    plan: (request: BatchRequest, version: ServedVersion): Promise<PlannedBatch> =>
      environment().run((input: { request: BatchRequest; version: ServedVersion }) => made.planBatch(input), { request, version }),
    predict: ({ plan }: PlannedBatch, partition: number, mock = environment()): Promise<PredictedPartition> =>
      mock.run((input: PredictPartitionInput) => made.predictPartition(input), { plan, partition }),
    seal: ({ plan, startedAtMs }: PlannedBatch, maxRejected = 1): Promise<SealedBatch> =>
      environment().run((input: SealBatchInput) => made.sealBatch(input), { plan, job: 'job', startedAtMs, maxRejected }),
  };
}

/** All activities of a job, as its workflow calls them. */
async function runJob(request: BatchRequest, version = versions.binary, pool?: Pick<ScoringPool, 'run'>): Promise<BatchManifest> {
  const { plan, predict, seal } = activities(pool);
  const planned = await plan(request, version);
  for (let partition = 0; partition < planned.partitions; partition++) await predict(planned, partition);
  await seal(planned, request.maxRejected);
  return manifestOf(request);
}

function manifestOf({ directory }: BatchRequest): BatchManifest {
  return JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as BatchManifest;
}

function query(sql: string): Promise<Record<string, unknown>[]> {
  return withDataSession({ scratchRoot: join(root, 'scratch') }, (session) => session.rows(sql));
}

async function flights(rows: number, columns = '*'): Promise<string> {
  const path = join(folder, 'flights.parquet');
  await withDataSession({ scratchRoot: join(root, 'scratch') }, (session) =>
    session.run(`COPY (SELECT ${columns} FROM (SELECT CAST(i AS INTEGER) AS id,
      CASE WHEN i % 20 = 0 THEN NULL ELSE chr(CAST(65 + i % 6 AS INTEGER)) END AS origin, CAST(100 + i % 900 AS INTEGER) AS distance,
      CASE WHEN i % 10 = 0 THEN NULL ELSE (i % 1000) / 1000.0 END AS "load",
      TIMESTAMP '2001-01-01' + to_minutes(CAST(i * 7 AS BIGINT)) AS departed FROM range(${rows}) AS t(i))) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`),
  );
  return path;
}

/** What a host answers for the same rows: the row API's way into the graph. */
async function hostAnswers(version: ServedVersion, rows: readonly Record<string, unknown>[]) {
  const manifest = await store.readJson<ModelManifest>(version.bundle.manifest);
  const session = await openModel(await store.localPath(version.bundle.model), 1);
  const instances = rows.map((row) => ({ ...row, departed: row.departed instanceof Date ? row.departed.toISOString() : row.departed }));
  const { values, classIndex, anomaly } = await predictClassesWith(session, rowsToTensors(manifest.inputs, instances));
  await session.release();
  return { manifest, values, anomaly, labels: classIndex ? [...classIndex].map((k) => manifest.classes[Number(k)]) : undefined };
}

describe('a batch job', () => {
  it.each(['binary', 'multiclass', 'multilabel', 'regression'] as const)(
    'predicts what a host answers for the same rows (%s)',
    async (task) => {
      const request = requestOf(await flights(5000), { partitionRows: 2000 });
      const manifest = await runJob(request, versions[task]);
      expect(manifest).toMatchObject({ version: '3', modelDigest: versions[task].bundle.model.sha256, rows: 5000, predicted: 5000 });
      expect(manifest.parts.map(({ name, inputRows }) => [name, inputRows])).toEqual([
        ['part-00000.parquet', [0, 1666]],
        ['part-00001.parquet', [1666, 3333]],
        ['part-00002.parquet', [3333, 5000]],
      ]);
      const written = await query(`SELECT * FROM read_parquet('${request.directory}/*.parquet')`);
      expect(written.map(({ id }) => id)).toEqual(Array.from({ length: 5000 }, (_, id) => id));
      const answers = await hostAnswers(versions[task], written);
      expect(Float32Array.from(written, (row) => row.anomaly as number)).toEqual(answers.anomaly);
      if (task === 'regression') expect(Float32Array.from(written, (row) => row.prediction as number)).toEqual(answers.values);
      else {
        if (task === 'multilabel') {
          const flags = labelFlags(answers.manifest, answers);
          for (const [k, name] of answers.manifest.classes.entries())
            expect(written.map((row) => row[`label_${name}`])).toEqual(written.map((_, row) => flags[3 * row + k] === 1));
        } else expect(written.map((row) => row.prediction)).toEqual(answers.labels);
        const columns = task === 'binary' ? ['probability'] : answers.manifest.classes.map((name) => `probability_${name}`);
        const width = answers.manifest.classes.length;
        for (const [k, column] of columns.entries())
          expect(Float32Array.from(written, (row) => row[column] as number)).toEqual(
            Float32Array.from(written, (_, row) => answers.values[row * width + (task === 'binary' ? 1 : k)]),
          );
      }
    },
  );

  it('tells of each file and part what it was, and keeps the columns that are asked for', async () => {
    const request = requestOf(await flights(300), { keep: ['id'], format: 'csv' });
    const { inputs, parts } = await runJob(request);
    expect(inputs).toEqual([expect.objectContaining({ rows: 300, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) })]);
    const text = readFileSync(join(request.directory, 'part-00000.csv'), 'utf8');
    expect(parts[0]).toMatchObject({ rows: 300, sizeBytes: text.length });
    expect(text.split('\n')[0]).toBe('id,prediction,probability,anomaly');
    expect(readdirSync(request.directory).sort()).toEqual(['.anneal', 'manifest.json', 'part-00000.csv']);
  });

  it.each([
    [
      'CSV',
      'rows.csv',
      { format: 'csv' },
      'id,origin,distance,load,departed\n7,A,200,0.5,2001-02-03 04:05:00\n8,,300,,2001-02-03T04:05:00+01:00\n',
    ],
    [
      'JSON lines',
      'rows.jsonl',
      { format: 'ndjson' },
      '{"id":7,"origin":"A","distance":200,"load":0.5,"departed":"2001-02-03T04:05"}\n{"id":8,"distance":300,"departed":"2001-02-03"}\n',
    ],
    ['milliseconds', 'rows.jsonl', { format: 'ndjson' }, '{"origin":"A","distance":200,"load":0.5,"departed":981173100000}\n'],
    ['milliseconds in CSV', 'rows.csv', { format: 'csv' }, 'origin,distance,load,departed\nA,200,0.5,981173100000\n'],
    [
      'milliseconds among dates in JSON lines',
      'rows.jsonl',
      { format: 'ndjson' },
      '{"origin":"A","distance":200,"load":0.5,"departed":981173100000}\n{"distance":300,"departed":"2001-02-03T04:05:00Z"}\n',
    ],
  ] as const)('reads %s', async (_, name, source, content) => {
    writeFileSync(join(folder, name), content);
    const request = requestOf(name, { source: { ...source, uri: name }, format: 'jsonl' });
    const { rejected } = await runJob(request);
    expect(rejected.rows).toBe(0);
    const lines = readFileSync(join(request.directory, 'part-00000.jsonl'), 'utf8').trim().split('\n');
    const [first] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const { values } = await hostAnswers(versions.binary, [{ origin: 'A', distance: 200, load: 0.5, departed: '2001-02-03T04:05:00' }]);
    expect(first.probability).toBeCloseTo(values[1], 6);
  });

  /** The types that part 0 has by its own word, and its first row. */
  async function partOf(directory: string): Promise<{ types: unknown[]; first: Record<string, unknown> }> {
    const part = `read_parquet('${directory}/part-00000.parquet')`;
    const types = await query(`SELECT column_name || ' ' || column_type AS type FROM (DESCRIBE FROM ${part})`);
    return { types: types.map(({ type }) => type), first: (await query(`FROM ${part} LIMIT 1`))[0] };
  }

  it.each([
    [
      'CSV',
      'rows.csv',
      { format: 'csv' },
      'id,origin,distance,load,departed\n007,01,200,NA,2001-02-03T04:05:06.5+01:00\n7,A,far,0.50,soon\n',
      'far',
      'soon',
    ],
    [
      'JSON lines',
      'rows.jsonl',
      { format: 'ndjson' },
      '{"id":"007","origin":"01","distance":200,"load":"NA","departed":981169506500}\n{"id":"7","origin":"A","distance":"far","load":"0.50","departed":"soon"}\n',
      '"far"',
      '"soon"',
    ],
  ] as const)('writes what the model reads of %s in the model’s types, and what it rejects as it was', async (...given) => {
    const [, name, source, content, distance, departed] = given;
    writeFileSync(join(folder, name), content);
    const request = requestOf(name, { source: { ...source, uri: name } });
    const { rejected, parts } = await runJob(request);
    expect(rejected).toEqual({ rows: 1, reasons: { 'distance is not an integer': 1 } });
    const { types, first } = await partOf(request.directory);
    expect(types.slice(0, 5)).toEqual(['id VARCHAR', 'origin VARCHAR', 'distance BIGINT', 'load DOUBLE', 'departed TIMESTAMP']);
    expect(first).toMatchObject({ id: '007', origin: '01', distance: 200n, load: null, departed: new Date('2001-02-03T03:05:06.500Z') });
    const [row] = await query(`FROM read_parquet('${request.directory}/${parts[0].rejected!.name}')`);
    expect(row).toMatchObject({ id: '7', origin: 'A', distance, load: '0.50', departed });
  });

  it('leaves the text of CSV as it was in CSV', async () => {
    writeFileSync(join(folder, 'rows.csv'), 'origin,distance,load,departed\nA,0200,0.50,2001-02-03T04:05:06.5+01:00\n');
    const request = requestOf('', { source: { format: 'csv', uri: 'rows.csv' }, format: 'csv' });
    await runJob(request);
    const [, row] = readFileSync(join(request.directory, 'part-00000.csv'), 'utf8').split('\n');
    expect(row).toMatch(/^A,0200,0\.50,2001-02-03T04:05:06\.5\+01:00,/);
  });

  it('writes the later parts of a job as it wrote the first ones, also when it began before types were written', async () => {
    writeFileSync(join(folder, 'rows.csv'), 'origin,distance,load,departed\nA,200,0.5,2001-02-03\n');
    const { plan, predict } = activities();
    const request = requestOf('', { source: { format: 'csv', uri: 'rows.csv' } });
    const planned = await plan(request, versions.binary);
    const { typedInputs, ...before } = await store.readJson<BatchPlan>(planned.plan);
    expect(typedInputs).toBe(true);
    await predict({ ...planned, plan: await store.putJson(before) }, 0);
    const { types } = await partOf(request.directory);
    expect(types.slice(0, 4)).toEqual(['origin VARCHAR', 'distance VARCHAR', 'load VARCHAR', 'departed VARCHAR']);
  });

  it('rejects text that is neither a date nor milliseconds within the times there are', async () => {
    const times = ['8640000000000000', '8640000000000001', '99999999999999999999', '981173100000.5', 'soon'];
    writeFileSync(join(folder, 'rows.csv'), ['origin,distance,load,departed', ...times.map((time) => `A,200,0.5,${time}`), ''].join('\n'));
    const { predicted, rejected } = await runJob(requestOf('rows.csv', { source: { format: 'csv', uri: 'rows.csv' } }));
    expect(predicted).toBe(1);
    expect(rejected).toEqual({ rows: 4, reasons: { 'departed is not a timestamp': 4 } });
  });

  it('takes a column that is not there for missing where the model allows it', async () => {
    const request = requestOf(await flights(100, 'id, distance, departed'));
    const { predicted } = await runJob(request);
    expect(predicted).toBe(100);
    const written = await query(`SELECT * FROM read_parquet('${request.directory}/*.parquet')`);
    const { values } = await hostAnswers(versions.binary, written);
    expect(written[42].probability).toBe(values[85]);
  });

  it('says before anything runs which columns are missing or of another type', async () => {
    const uri = await flights(10, `id, origin, 'far' AS distance, "load"`);
    const planned = activities().plan(requestOf(uri), versions.binary);
    await expect(planned).rejects.toMatchObject({
      type: 'InvalidRequest',
      nonRetryable: true,
      message: expect.stringMatching(
        /column "distance" is of type VARCHAR, and the model takes integer; .*no column "departed" \(timestamp\)/,
      ),
    });
    expect(readdirSync(folder)).toEqual(['flights.parquet']);
  });

  it.each([
    ['missing.csv', /missing\.csv" cannot be used: there is no such file .*or correct --input\./],
    ['missing/*.csv', /no file matches the pattern .*or correct --input;/],
  ])('says of %s that it is not there, and nothing of a pipeline', async (name, message) => {
    const failure: unknown = await activities()
      .plan(requestOf(join(folder, name), { source: { format: 'csv', uri: join(folder, name) } }), versions.binary)
      .catch((error: unknown) => error);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toMatch(/pipeline|source\.uri/);
  });

  (process.platform === 'linux' ? it : it.skip)('refuses an output folder where the file system takes none', async () => {
    const planned = activities().plan(requestOf(await flights(10), { directory: '/proc/anneal/output' }), versions.binary);
    await expect(planned).rejects.toMatchObject({
      type: 'InvalidRequest',
      nonRetryable: true,
      message: expect.stringMatching(
        /^The output folder \/proc\/anneal\/output cannot be used: it cannot be made there \(ENOENT\)\. Name a/,
      ),
    });
  });

  it('refuses a column that bears the name of a prediction, unless it is not kept', async () => {
    const uri = await flights(10, '*, 1 AS Prediction');
    await expect(activities().plan(requestOf(uri), versions.binary)).rejects.toMatchObject({
      message: expect.stringContaining('"Prediction"'),
    });
    expect((await runJob(requestOf(uri, { keep: [] }))).predicted).toBe(10);
  });

  it('puts poisoned rows aside with their number and reason, and predicts the others', async () => {
    writeFileSync(
      join(folder, 'rows.csv'),
      [
        'id,origin,distance,load,departed',
        '1,A,200,0.5,2001-02-03',
        '2,A,far,0.5,2001-02-03',
        '3,A,,0.5,2001-02-03',
        '4,A,200,0.5,someday',
        '5,A,200,inf,2001-02-03',
        '6,A,5000,0.5,2001-02-03',
        '7,B,200,0.5,2001-02-03',
        '',
      ].join('\n'),
    );
    const source = { format: 'csv', uri: 'rows.csv' } as const;
    const request = requestOf('', { source, rejectOutOfRange: true });
    const { rejected, predicted, parts } = await runJob(request);
    expect(predicted).toBe(2);
    expect(rejected).toEqual({
      rows: 5,
      reasons: {
        'distance is not an integer': 1,
        'distance is missing': 1,
        'departed is not a timestamp': 1,
        'load is infinite': 1,
        'distance is above 1000': 1,
      },
    });
    const rows = await query(`SELECT * FROM read_parquet('${request.directory}/${parts[0].rejected!.name}')`);
    expect(rows.map((row) => [row.__anneal_file, Number(row.__anneal_row), row.id, row.__anneal_reason])).toEqual([
      ['rows.csv', 2, '2', 'distance is not an integer'],
      ['rows.csv', 3, '3', 'distance is missing'],
      ['rows.csv', 4, '4', 'departed is not a timestamp'],
      ['rows.csv', 5, '5', 'load is infinite'],
      ['rows.csv', 6, '6', 'distance is above 1000'],
    ]);
    // A host answers rows beyond the declared range, and so does a job that is not asked to reject them.
    expect((await runJob(requestOf('', { source, directory: join(folder, 'again') }))).predicted).toBe(3);
  });

  it.each([
    ['more than allowed', 0.5, /4 of 6 rows \(66\.7 %\).*more than the 50\.0 %.*distance is missing \(4\).*--max-rejects/],
    ['all of them', 1, /6 of 6 rows \(100 %\) cannot be predicted: distance is missing \(6\)/],
  ])('fails without a manifest when %s are rejected', async (what, maxRejected, message) => {
    const good = what === 'all of them' ? '' : 'A,1,1,2001-01-01\nA,2,1,2001-01-01\n';
    const bad = 'A,,1,2001-01-01\n'.repeat(good === '' ? 6 : 4);
    writeFileSync(join(folder, 'rows.csv'), `origin,distance,load,departed\n${good}${bad}`);
    const request = requestOf('', { source: { format: 'csv', uri: 'rows.csv' }, maxRejected });
    await expect(runJob(request)).rejects.toMatchObject({ type: 'InvalidData', message: expect.stringMatching(message) });
    expect(readdirSync(request.directory)).not.toContain('manifest.json');
  });
});

describe('a batch job on S3', () => {
  /** Objects as a place far away has them: `s3://bucket/<name>` with an etag. */
  const objects = new Map<string, { readonly path: string; etag: string }>();
  const remote: RemoteFiles = {
    list: async (prefix) =>
      [...objects]
        .filter(([uri]) => uri.startsWith(prefix))
        .map(([uri, { path, etag }]) => ({ uri, sizeBytes: statSync(path).size, etag })),
    fetch: async (uri, path) => copyFileSync(objects.get(uri)!.path, path),
  };

  it('predicts each object, and none that has changed since it began', async () => {
    const path = await flights(100);
    for (const name of ['a', 'b']) objects.set(`s3://bucket/days/${name}.parquet`, { path, etag: name });
    const request = requestOf('s3://bucket/days/');
    const { plan, predict, seal } = activities(inProcess, remote);
    const planned = await plan(request, versions.binary);
    expect(planned).toMatchObject({ partitions: 2, files: 2 });
    expect(await predict(planned, 0)).toMatchObject({ rows: 100 });
    objects.get('s3://bucket/days/b.parquet')!.etag = 'c';
    await expect(predict(planned, 1)).rejects.toMatchObject({ type: 'SourceUnavailable', message: expect.stringContaining('b.parquet') });
    objects.get('s3://bucket/days/b.parquet')!.etag = 'b';
    expect(await predict(planned, 1)).toMatchObject({ rows: 100 });
    await seal(planned);
    expect(manifestOf(request).inputs.map(({ uri }) => uri)).toEqual(['s3://bucket/days/a.parquet', 's3://bucket/days/b.parquet']);
    expect(readdirSync(join(request.directory, '.anneal'))).toEqual(['job.json', 'parts']);
  });
});

describe('the part of a partition', () => {
  let pool: ScoringPool;
  beforeEach(() => {
    pool = new ScoringPool();
  });
  afterEach(() => pool.close());

  it('is made once, however often it is asked for', async () => {
    const request = requestOf(await flights(3000));
    const { plan, predict } = activities();
    const planned = await plan(request, versions.binary);
    expect(await predict(planned, 0)).toMatchObject({ rows: 3000, reused: false });
    const path = join(request.directory, 'part-00000.parquet');
    const before = readFileSync(path);
    expect(await predict(planned, 0)).toMatchObject({ rows: 3000, reused: true });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('is one whole part when two attempts make it at once', async () => {
    const request = requestOf(await flights(3000));
    const { plan, predict, seal } = activities();
    const planned = await plan(request, versions.binary);
    await Promise.all([predict(planned, 0), predict(planned, 0)]);
    expect((await seal(planned)).totals).toMatchObject({ predicted: 3000, parts: 1 });
    expect(readdirSync(request.directory).sort()).toEqual(['.anneal', 'manifest.json', 'part-00000.parquet']);
  });

  it('leaves nothing half-written when its process is killed or it is cancelled, and the next attempt makes it', async () => {
    const request = requestOf(await flights(120_000));
    const { plan, predict, seal } = activities(pool);
    const planned = await plan(request, versions.binary);
    const mock = environment();
    const begun = new Promise<void>((resolve) => mock.on('heartbeat', (details) => (details as { rows?: number }).rows && resolve()));
    const running = predict(planned, 0, mock);
    running.catch(() => undefined);
    await begun;
    mock.cancel();
    await expect(running).rejects.toBeInstanceOf(CancelledFailure);
    expect(readdirSync(request.directory)).toEqual(['.anneal']);
    expect(readdirSync(join(request.directory, '.anneal', 'tmp'))).toEqual([]);
    expect(await predict(planned, 0)).toMatchObject({ rows: 120_000, reused: false });
    expect((await seal(planned)).totals).toMatchObject({ predicted: 120_000 });
  });

  /** The prediction of a partition that writes half of its part when the disk is full, in the words of whoever meets that. */
  const onFullDisk = (words: (job: ScoringJob) => string): Pick<ScoringPool, 'run'> => ({
    run: async (job) => {
      writeFileSync(job.partPath, 'the first half');
      throw new Error(words(job));
    },
  });
  const partNotWritten = ({ partPath }: ScoringJob): string => `IO Error: Could not write file "${partPath}": No space left on device`;

  it('leaves nothing half-written when the disk is full, and is made when there is room again', async () => {
    const request = requestOf(await flights(100));
    const planned = await activities().plan(request, versions.binary);
    await expect(activities(onFullDisk(partNotWritten)).predict(planned, 0)).rejects.toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 5000,
      message: expect.stringMatching(/\. It is tried again in some seconds\.$/),
    });
    expect(readdirSync(request.directory)).toEqual(['.anneal']);
    expect(readdirSync(join(request.directory, '.anneal', 'tmp'))).toEqual([]);
    expect(await activities().predict(planned, 0)).toMatchObject({ rows: 100, reused: false });
  });

  it('is tried four times on a full disk, and then says which folder it is, what is needed, and how the job goes on', async () => {
    const planned = await activities().plan(requestOf(await flights(100)), versions.binary);
    const last = new MockActivityEnvironment({ attempt: 4 }, { logger: new DefaultLogger('ERROR') });
    await expect(activities(onFullDisk(partNotWritten)).predict(planned, 0, last)).rejects.toMatchObject({
      type: 'DiskFull',
      nonRetryable: true,
      message: expect.stringMatching(
        /^The disk of the output folder \S+\/output, or its quota, is full: IO Error: .* No space left on device\. What was begun is removed again, which leaves [0-9.]+ [kMGT]?B free\. The parts .* here [0-9.]+ kB in 1 parts?, .*\. Free some space there, or begin another job .*--output\)\. It was tried 4 times\. Then start the job again as it was begun, with --job job: its finished parts stay, and it goes on behind them\.$/,
      ),
    });
  });

  it.each([
    ['DuckDB’s overflow', () => 'Out of Memory Error: failed to offload data block of size 256.0 KiB (1.7 MiB/1.7 MiB used).\nmore'],
    ['a file of it', ({ scratchRoot }: ScoringJob) => `IO Error: Could not write file "${scratchRoot}/a/b": Disk quota exceeded`],
  ])('names the scratch folder when it has no room for %s', async (_, words) => {
    const planned = await activities().plan(requestOf(await flights(100)), versions.binary);
    await expect(activities(onFullDisk(words)).predict(planned, 0)).rejects.toMatchObject({
      type: 'DiskFull',
      message: expect.stringMatching(/^The disk of the scratch folder \S+\/scratch, .*\. Free some space there, or point ANNEAL_HOME at/),
    });
  });

  it('says what to leave out of a file whose rows do not fit into memory', async () => {
    const wide = join(folder, 'wide.csv');
    const names = Array.from({ length: 2000 }, (_, i) => `c${i}`);
    writeFileSync(wide, `distance,departed,${names.join()}\n${`1,2001-02-03,${names.join()}\n`.repeat(20)}`);
    const small: Pick<ScoringPool, 'run'> = {
      run: (job, onRows, signal) => inProcess.run({ ...job, memoryLimitBytes: 120 * 2 ** 20 }, onRows, signal),
    };
    const attempt = async (keep: BatchRequest['keep'], directory: string): Promise<PredictedPartition> => {
      const source = { format: 'csv', uri: wide } as const;
      const request = requestOf(wide, { source, keep, directory: join(folder, directory) });
      const { plan, predict } = activities(small);
      return predict(await plan(request, versions.binary), 0);
    };
    await expect(attempt('all', 'whole')).rejects.toMatchObject({
      type: 'InvalidRequest',
      message: expect.stringMatching(/within the 120 MiB of memory .* --no-keep\)\.$/),
    });
    expect(await attempt([], 'alone')).toMatchObject({ rows: 20 });
  });

  it('is predicted again when somebody damaged it or took it away', async () => {
    const request = requestOf(await flights(3000), { partitionRows: 1000 });
    const { plan, predict, seal } = activities();
    const planned = await plan(request, versions.binary);
    for (const partition of [0, 1, 2]) await predict(planned, partition);
    truncateSync(join(request.directory, 'part-00000.parquet'), 100);
    rmSync(join(request.directory, 'part-00002.parquet'));
    expect(await seal(planned)).toEqual({ damaged: [0, 2] });
    for (const partition of [0, 2]) expect(await predict(planned, partition)).toMatchObject({ reused: false });
    expect((await seal(planned)).totals).toMatchObject({ predicted: 3000, parts: 3 });
  });

  it('tells how much of its input is read, and then its rows', async () => {
    const request = requestOf(await flights(4000), { partitionRows: 1000 });
    const reading: Pick<ScoringPool, 'run'> = {
      run: (job, onRows, signal) => {
        onRows(0, 0, 0.5);
        return inProcess.run(job, onRows, signal);
      },
    };
    const { plan, predict } = activities(reading);
    const planned = await plan(request, versions.binary);
    const mock = environment();
    const heard: PartitionProgress[] = [];
    mock.on('heartbeat', (progress: PartitionProgress) => heard.push(progress));
    await predict(planned, 0, mock);
    const partBytes = Math.round(planned.sizeBytes / 4);
    expect(heard).toContainEqual({ phase: 'read', readBytes: Math.round(planned.sizeBytes / 8), sizeBytes: partBytes });
    expect(heard.at(-1)).toEqual({ phase: 'predict', rows: 1000, totalRows: 1000 });
  });

  it('is not made of a file that has changed since the job began', async () => {
    const uri = await flights(100);
    const { plan, predict } = activities();
    const planned = await plan(requestOf(uri), versions.binary);
    utimesSync(uri, new Date(0), new Date(0));
    await expect(predict(planned, 0)).rejects.toMatchObject({ type: 'SourceUnavailable', message: expect.stringContaining('changed') });
  });
});

describe('the folder of a job', () => {
  it('lets a job go on with the version and the plan that it began with', async () => {
    const request = requestOf(await flights(100));
    const planned = await activities().plan(request, versions.binary);
    expect(await activities().open({ ...request, maxRejected: 0.1, concurrency: 9 })).toEqual({ planned });
    // A promotion meanwhile changes nothing.
    expect(await activities().plan(request, { ...versions.multiclass, version: '4' })).toEqual(planned);
  });

  it.each([
    ['another job', { job: 'other' }, /belongs to the job "job" of fixture/],
    ['the same job with other options', { keep: ['id'], format: 'csv' as const }, /the same job with another --format, --keep/],
    ['the same job with another version', { version: '9' }, /another --model-version \(it was begun with version 3\)/],
  ])('is refused to %s', async (_, changes, message) => {
    const request = requestOf(await flights(100));
    await activities().plan(request, versions.binary);
    await expect(activities().open({ ...request, ...changes })).rejects.toMatchObject({
      type: 'InvalidRequest',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    ['a file', () => writeFileSync(join(folder, 'output'), ''), /ENOTDIR/],
    ['below a file', () => writeFileSync(join(folder, 'x'), ''), /ENOTDIR/, 'x/output'],
  ])('is refused where it is %s', async (_, prepare, message, name = 'output') => {
    const request = requestOf(await flights(100), { directory: join(folder, name) });
    prepare();
    const opened = activities()
      .open(request)
      .then(({ planned }) => planned ?? activities().plan(request, versions.binary));
    await expect(opened).rejects.toMatchObject({ type: 'InvalidRequest', message: expect.stringMatching(message) });
  });

  it('is refused where it holds other files', async () => {
    const request = requestOf(await flights(100));
    mkdirSync(request.directory);
    writeFileSync(join(request.directory, 'thesis.doc'), '');
    await expect(activities().open(request)).rejects.toMatchObject({ message: expect.stringContaining('"thesis.doc"') });
  });
});

describe('the columns of predictions', () => {
  it.each([
    [{ task: 'regression', classes: [] }, ['prediction=p0']],
    [
      { task: 'regression', classes: [], quantiles: [0.1, 0.5, 0.9] },
      ['prediction=p1', 'quantile_0.1=p0', 'quantile_0.5=p1', 'quantile_0.9=p2'],
    ],
    [
      { task: 'multilabel', classes: ['a', 'b'], thresholds: [0.5, 0.25] },
      [
        "label_a=p0 >= CAST(CAST('0.5' AS DOUBLE) AS FLOAT)",
        "label_b=p1 >= CAST(CAST('0.25' AS DOUBLE) AS FLOAT)",
        'probability_a=p0',
        'probability_b=p1',
      ],
    ],
    [{ task: 'regression', classes: [], hasAnomaly: true }, ['prediction=p0', 'anomaly=score']],
    [{ task: 'binary', classes: ['no', "o'clock"] }, ["prediction=['no', 'o''clock'][choice + 1]", 'probability=p1']],
  ] as const)('of %j are %j', (manifest, columns) => {
    expect(predictionColumns(manifest).map(({ name, sql }) => `${name}=${sql}`)).toEqual(columns);
  });
});

describe('predictWith and predictClassesWith', () => {
  it('agree', async () => {
    const session = await openModel(await store.localPath(versions.binary.bundle.model), 1);
    const { inputs } = await store.readJson<ModelManifest>(versions.binary.bundle.manifest);
    const tensors = rowsToTensors(inputs, [{ origin: 'A', distance: 1, load: null, departed: 0 }]);
    const { values, anomaly } = await predictClassesWith(session, tensors);
    expect(values).toEqual(await predictWith(session, tensors));
    expect(anomaly).toEqual((await runModel(session, tensors, ['anomaly'])).anomaly.data);
    await session.release();
  });
});
