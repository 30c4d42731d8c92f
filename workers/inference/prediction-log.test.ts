import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { type PredictionLogIndex, predictionLogPointer } from '../../contracts/prediction-log.js';
import { withDataSession } from '../../ml/data/duckdb-session.js';
import type { LoggedVersion } from '../../serving/prediction-log/logged-version.js';
import { PredictionLog, type PredictionLogOptions } from '../../serving/prediction-log/prediction-log.js';
import type { Batch, BatchOutputs } from '../../serving/tensors.js';
import { tinyManifest } from '../../serving/testing/tiny-bundle.js';
import { FileArtifactStore } from '../../stores/file-artifact-store.js';
import { LogParquet } from './log-parquet.js';
import { PredictionLogKeeper, type ToParquet } from './prediction-log-keeper.js';

const version: LoggedVersion = { model: 'tiny', version: '3', manifest: tinyManifest };
const missing = -(2n ** 63n);

/** Two rows, of which the second lacks what it may. */
function request(distance: number): [Batch, { outputs: BatchOutputs }] {
  const columns = [['SFO', ''], BigInt64Array.from([992_626_200_000n, missing]), Float64Array.from([distance, Number.NaN])];
  return [{ rows: 2, columns }, { outputs: { values: Float32Array.from([0.75, 0.25, 0.5, 0.5]), classIndex: Int32Array.from([0, 1]) } }];
}

describe('the prediction log', () => {
  let root: string;
  let directory: string;
  let store: FileArtifactStore;
  let lost: number;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'anneal-prediction-log-'));
    directory = join(root, 'log');
    store = new FileArtifactStore(join(root, 'store'));
    lost = 0;
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const log = (options: Partial<PredictionLogOptions> = {}): PredictionLog =>
    new PredictionLog({ directory, onLost: (requests) => void (lost += requests), ...options });
  const keeper = (retentionDays = 30, toParquet?: ToParquet): PredictionLogKeeper =>
    new PredictionLogKeeper({
      hostId: 'h-1',
      directory,
      store,
      scratchRoot: join(root, 'scratch'),
      retentionDays,
      logger: pino({ level: 'silent' }),
      ...(toParquet ? { toParquet } : {}),
    });
  const closed = (): string[] => readdirSync(join(directory, 'closed'));

  async function index(): Promise<PredictionLogIndex | undefined> {
    const ref = await store.getPointer(predictionLogPointer('tiny', 'h-1'));
    return ref && store.readJson(ref);
  }

  async function rows(): Promise<Record<string, unknown>[]> {
    const paths = await Promise.all((await index())!.parts.map(({ data }) => store.localPath(data)));
    return withDataSession({ scratchRoot: join(root, 'scratch') }, (session) =>
      session.rows(`SELECT * FROM read_parquet([${paths.map((path) => `'${path}'`).join(', ')}])`),
    );
  }

  it('keeps inputs, outputs, version and latency of each row, with missing values as such', async () => {
    const written = log();
    written.record(version, ...request(100), 1.25, 'r-1');
    await written.close();
    await keeper().collect();
    const found = await rows();
    const of = { request_id: 'r-1', time: found[0].time };
    expect(Math.abs((of.time as Date).getTime() - Date.now())).toBeLessThan(60_000);
    expect(found).toEqual([
      {
        ...of,
        row: 0n,
        model: 'tiny',
        version: '3',
        latency_ms: 1.25,
        input_origin: 'SFO',
        input_date: new Date(992_626_200_000),
        input_distance: 100,
        prediction: 'on-time',
        probability: 0.25,
        anomaly: null,
        anomalous: null,
        degraded: null,
      },
      {
        ...of,
        row: 1n,
        model: 'tiny',
        version: '3',
        latency_ms: 1.25,
        input_origin: null,
        input_date: null,
        input_distance: null,
        prediction: 'late',
        probability: 0.5,
        anomaly: null,
        anomalous: null,
        degraded: null,
      },
    ]);
    expect(await index()).toMatchObject({ parts: [{ version: '3', rows: 2 }] });
    expect(closed()).toEqual([]);
  });

  it('says how unusual each row was, and what answered it where the version did not', async () => {
    const written = log();
    const [batch, { outputs }] = request(100);
    const scored = { ...outputs, anomaly: Float32Array.from([0.5, 0.9995]) };
    written.record(version, batch, { outputs: scored }, 1, 'own');
    written.record(version, batch, { outputs: scored, degraded: 'prior', replaced: [1] }, 1, 'one row');
    written.record(version, batch, { outputs, degraded: 'cache' }, 1, 'all');
    const withPolicy = { ...version, hasPolicy: true };
    written.record(withPolicy, batch, { outputs: scored, anomalous: [1] }, 1, 'flagged');
    written.record(withPolicy, batch, { outputs: { ...outputs, anomaly: Float32Array.from([0.1, 0.2]) } }, 1, 'none');
    written.record(withPolicy, batch, { outputs, degraded: 'prior' }, 1, 'unscored');
    await written.close();
    await keeper().collect();
    const found = (await rows()).map(({ request_id, row, anomaly, anomalous, degraded }) => [
      request_id,
      Number(row),
      anomaly,
      degraded,
      anomalous,
    ]);
    const late = Math.fround(0.9995);
    expect(found).toEqual([
      ['own', 0, 0.5, null, null],
      ['own', 1, late, null, null],
      ['one row', 0, 0.5, null, null],
      ['one row', 1, late, 'prior', null],
      ['all', 0, null, 'cache', null],
      ['all', 1, null, 'cache', null],
      ['flagged', 0, 0.5, null, false],
      ['flagged', 1, late, null, true],
      ['none', 0, Math.fround(0.1), null, false],
      ['none', 1, Math.fround(0.2), null, false],
      ['unscored', 0, null, 'prior', null],
      ['unscored', 1, null, 'prior', null],
    ]);
  });

  it('keeps a request of many rows and long texts whole, in their order, and leaves out one that is larger than it takes', async () => {
    const origins = Array.from({ length: 9000 }, (_, i) => (i % 3 === 0 ? '' : `København "${i}"\n${'日本😀'.repeat(i % 40)}`));
    const columns = [origins, BigInt64Array.from(origins, (_, i) => BigInt(i)), Float64Array.from(origins, (_, i) => i / 3)];
    const outputs = { values: new Float32Array(18_000).fill(0.5), classIndex: new Int32Array(9000) };
    const written = log();
    written.record(version, { rows: 9000, columns }, { outputs }, 1, 'long');
    const huge = [['x'.repeat(5 << 20)], BigInt64Array.of(0n), Float64Array.of(0)];
    written.record(
      version,
      { rows: 1, columns: huge },
      { outputs: { values: Float32Array.of(0, 1), classIndex: Int32Array.of(1) } },
      1,
      'huge',
    );
    written.record(version, ...request(7), 1, 'after');
    await written.close();
    const converter = new LogParquet();
    await keeper(30, converter.toParquet).collect();
    converter.close();
    const found = await rows();
    expect(lost).toBe(1);
    expect(found.map(({ request_id: id, row }) => `${String(id)} ${String(row)}`)).toEqual([
      ...origins.map((_, i) => `long ${i}`),
      'after 0',
      'after 1',
    ]);
    expect(found.slice(0, 9000).map(({ input_origin: origin }) => origin)).toEqual(
      origins.map((origin) => (origin === '' ? null : origin)),
    );
    expect(found[8999].input_distance).toBe(8999 / 3);
  });

  it('loses what its queue cannot take, and counts it', async () => {
    const written = log({ maxWaitingBytes: 10_000 });
    for (let i = 0; i < 1000; i++) written.record(version, ...request(i), 1, 'r-1');
    await written.close();
    await keeper().collect();
    const kept = (await rows()).length / 2;
    expect(kept).toBeGreaterThan(20);
    expect(kept + lost).toBe(1000);
  });

  it('loses what the disk does not take, counts it, and goes on when it does again', async () => {
    writeFileSync(directory, 'a file in the way');
    const written = log();
    written.record(version, ...request(1), 1, 'r-1');
    while (lost === 0) await sleep(20);
    rmSync(directory);
    written.record(version, ...request(2), 1, 'r-1');
    await written.close();
    await keeper().collect();
    expect({ lost, kept: (await rows()).length }).toEqual({ lost: 1, kept: 2 });
  });

  it('stops to write while nobody takes the segments away', async () => {
    const written = log({ segmentBytes: 1, maxClosed: 2 });
    for (let i = 0; i < 6; i++) {
      written.record(version, ...request(i), 1, 'r-1');
      await sleep(260);
    }
    await written.close();
    expect({ lost, segments: closed().length }).toEqual({ lost: 4, segments: 2 });
  });

  it('keeps all but the last request of a process that was killed', async () => {
    const written = log();
    for (let i = 0; i < 3; i++) written.record(version, ...request(i), 1, 'r-1');
    await written.close();
    // As the process would have left it: still open, its last request cut off.
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('exit', resolve));
    const [name] = closed();
    const left = join(directory, 'open', name.replace(/^\d+/, String(child.pid)));
    renameSync(join(directory, 'closed', name), left);
    const whole = readFileSync(left);
    const entries = whole.indexOf(10) + 1;
    appendFileSync(left, whole.subarray(entries, entries + 100));
    await keeper().collect();
    expect((await rows()).length).toBe(6);
    expect(existsSync(left)).toBe(false);
  });

  it('leaves the segment of a process that lives', async () => {
    const written = log();
    written.record(version, ...request(1), 1, 'r-1');
    while (!existsSync(join(directory, 'open')) || readdirSync(join(directory, 'open')).length === 0) await sleep(20);
    await keeper().collect();
    expect(await index()).toBeUndefined();
    await written.close();
  });

  it('stores a segment once, also when it was killed before it could take it away', async () => {
    const written = log();
    written.record(version, ...request(1), 1, 'r-1');
    await written.close();
    const [name] = closed();
    const content = readFileSync(join(directory, 'closed', name));
    await keeper().collect();
    writeFileSync(join(directory, 'closed', name), content);
    await keeper().collect();
    expect((await rows()).length).toBe(2);
    expect(closed()).toEqual([]);
  });

  it('keeps segments while the store is away', async () => {
    const written = log();
    written.record(version, ...request(1), 1, 'r-1');
    await written.close();
    const away = new PredictionLogKeeper({
      hostId: 'h-1',
      directory,
      store: Object.assign(new FileArtifactStore(join(root, 'store')), { getPointer: () => Promise.reject(new Error('away')) }),
      scratchRoot: join(root, 'scratch'),
      retentionDays: 30,
      logger: pino({ level: 'silent' }),
    });
    await expect(away.collect()).rejects.toThrow('away');
    expect(closed()).toHaveLength(1);
    await keeper().collect();
    expect((await rows()).length).toBe(2);
  });

  it('removes parts that are older than the retention', async () => {
    for (const distance of [1, 2]) {
      const written = log();
      written.record(version, ...request(distance), 1, 'r-1');
      await written.close();
      await keeper(distance === 1 ? 30 : -1 / 86_400).collect();
      await sleep(5);
    }
    const { parts } = (await index())!;
    expect(parts).toHaveLength(1);
    expect((await rows()).map((row) => row.input_distance)).toEqual([2, null]);
  });
});
