import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { ModelManifest } from '../contracts/model.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import type { LoggedVersion } from '../serving/prediction-log/logged-version.js';
import { type LoggedAnswer, PredictionLog } from '../serving/prediction-log/prediction-log.js';
import type { Batch } from '../serving/tensors.js';
import { tinyManifest } from '../serving/testing/tiny-bundle.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { PredictionLogKeeper } from '../workers/inference/prediction-log-keeper.js';
import { loggedParts, type PredictionFilter } from './predictions/logged-parts.js';
import { newestRows } from './predictions/logged-rows.js';
import { runAnneal } from '../testing/run-anneal.js';

/** Rows of two hosts and two versions, of which the second reads another column. */
describe('anneal predictions', () => {
  const root = mkdtempSync(join(tmpdir(), 'anneal-predictions-'));
  const store = new FileArtifactStore(join(root, 'artifacts'));
  const third: LoggedVersion = { model: 'tiny', version: '3', manifest: tinyManifest };
  const renamed: ModelManifest['inputs'] = [{ name: 'origin', type: 'string', columnType: 'string', nullable: true }];
  const fourth: LoggedVersion = { model: 'tiny', version: '4', hasPolicy: true, manifest: { ...tinyManifest, inputs: renamed } };

  const request = (distance: number): Batch => ({
    rows: 2,
    columns: [['SFO', 'JFK'], BigInt64Array.from([992_626_200_000n, 0n]), Float64Array.from([distance, 0.1])],
  });
  const answer = (more: Partial<LoggedAnswer> = {}): LoggedAnswer => ({
    outputs: {
      values: Float32Array.from([0.75, 0.25, 0.5, 0.5]),
      classIndex: Int32Array.from([0, 1]),
      anomaly: Float32Array.from([0.1, 0.9995]),
    },
    ...more,
  });

  async function logged(hostId: string, write: (log: PredictionLog) => void | Promise<void>): Promise<void> {
    const directory = join(root, hostId);
    const log = new PredictionLog({ directory, onLost: () => undefined });
    await write(log);
    await log.close();
    const keeping = { hostId, directory, store, scratchRoot: join(root, 'scratch'), retentionDays: 30, logger: pino({ level: 'silent' }) };
    await new PredictionLogKeeper(keeping).collect();
  }

  beforeAll(async () => {
    // Times are in milliseconds, and the order is that of the times.
    await logged('host-1', async (log) => {
      log.record(third, request(100), answer(), 1.25, 'r-1');
      await sleep(3);
      log.record(third, request(200), answer({ degraded: 'fallback', replaced: [1] }), 1.25, 'r-2');
      await sleep(3);
    });
    const outputs = { values: Float32Array.from([0.75, 0.25]), classIndex: Int32Array.from([0]), anomaly: Float32Array.from([0.1]) };
    await logged('host-2', (log) => log.record(fourth, { rows: 1, columns: [['a,"b"']] }, { outputs, anomalous: [0] }, 0.5, 'r-3'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const anneal = (...args: string[]) =>
    runAnneal(
      ['predictions', ...args],
      { HOME: root, ANNEAL_HOME: join(root, 'home'), ANNEAL_ARTIFACTS: join(root, 'artifacts') },
      { cwd: root },
    );

  test('shows the newest rows of all hosts first, and of each what was asked and answered', async () => {
    const [all, some, table, csv] = await Promise.all([
      anneal('tiny', '--json'),
      anneal('tiny', '--limit', '2', '--format', 'jsonl'),
      anneal('tiny'),
      anneal('tiny', '--model-version', '4', '--format', 'csv'),
    ]);
    const { model, rows } = JSON.parse(all.stdout) as { model: string; rows: Record<string, unknown>[] };
    expect(model).toBe('tiny');
    expect(rows.map((row) => [row.request_id, row.row])).toEqual([
      ['r-3', 0],
      ['r-2', 0],
      ['r-2', 1],
      ['r-1', 0],
      ['r-1', 1],
    ]);
    expect(rows[3]).toEqual({
      request_id: 'r-1',
      row: 0,
      time: expect.stringMatching(/^20.*T.*\.\d{3}Z$/),
      model: 'tiny',
      version: '3',
      latency_ms: 1.25,
      input_origin: 'SFO',
      input_date: '2001-06-15T17:30:00.000Z',
      input_distance: 100,
      prediction: 'on-time',
      probability: 0.25,
      anomaly: 0.1,
      anomalous: null,
      degraded: null,
    });
    const lines = some.stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(rows.slice(0, 2));
    expect(table.stdout).toMatch(/^REQUEST ID +ROW +TIME \(UTC\) +VERSION +MS +PREDICTION .*DEGRADED +ORIGIN +DATE +DISTANCE\n/);
    expect(csv.stdout.trim().split('\n')[1]).toMatch(/^r-3,0,.*,tiny,4,0\.5,on-time,0\.25,0\.1,true,,"a,""b"""$/);
  });

  const now = Date.now();
  test.each<[PredictionFilter, [string, number][]]>([
    [
      { requestId: 'r-2' },
      [
        ['r-2', 0],
        ['r-2', 1],
      ],
    ],
    [{ degraded: true }, [['r-2', 1]]],
    [
      { anomaly: 0.9995, version: '3' },
      [
        ['r-2', 1],
        ['r-1', 1],
      ],
    ],
    [{ anomaly: 0.9999 }, []],
    [{ anomaly: { from: 0.9999 } }, [['r-3', 0]]],
    [
      { anomaly: { from: 0.999 } },
      [
        ['r-3', 0],
        ['r-2', 1],
        ['r-1', 1],
      ],
    ],
    [{ sinceMs: now - 3_600_000, version: '4' }, [['r-3', 0]]],
    [{ untilMs: now - 3_600_000 }, []],
    [{ sinceMs: now + 3_600_000 }, []],
  ])('lets %j through', async (filter, expected) => {
    const parts = await loggedParts(store, 'tiny', root);
    await withDataSession({ scratchRoot: join(root, 'scratch') }, async (session) => {
      const rows = await newestRows(session, store, parts, filter, 20);
      expect(rows.map((row) => [row.request_id, row.row])).toEqual(expected);
    });
  });

  test('writes all rows to a file, the oldest first, with the columns of all versions', async () => {
    const [all, none] = await Promise.all([
      anneal('tiny', '--output', 'all.parquet'),
      anneal('tiny', '--request-id', 'nobody', '--output', 'none.csv', '--json'),
    ]);
    expect(all.stdout).toBe(`5 rows in ${join(root, 'all.parquet')}.\n`);
    expect(JSON.parse(none.stdout)).toEqual({ model: 'tiny', path: join(root, 'none.csv'), rows: 0 });
    const rows = await withDataSession({ scratchRoot: join(root, 'scratch') }, (session) =>
      session.rows(`SELECT request_id, input_origin, input_distance FROM '${join(root, 'all.parquet')}'`),
    );
    expect(rows.map(({ request_id }) => request_id)).toEqual(['r-1', 'r-1', 'r-2', 'r-2', 'r-3']);
    expect(rows.at(-1)).toEqual({ request_id: 'r-3', input_origin: 'a,"b"', input_distance: null });
  });

  test('writes CSV to a file as it prints it, and its header also without rows', async () => {
    const asked = ['tiny', '--model-version', '3', '--request-id', 'r-1'];
    const [file, printed, none] = await Promise.all([
      anneal(...asked, '--output', 'some.csv'),
      anneal(...asked, '--format', 'csv'),
      anneal('tiny', '--request-id', 'nobody', '--format', 'csv'),
    ]);
    expect(file.code).toBe(0);
    const written = readFileSync(join(root, 'some.csv'), 'utf8');
    // DuckDB writes the number 100 as 100.0.
    expect(written.replace('100.0\n', '100\n')).toBe(printed.stdout);
    expect(written).toMatch(
      /^request_id,row,time,model,version,latency_ms,prediction,probability,anomaly,anomalous,degraded,input_origin,/,
    );
    expect(none.stdout).toMatch(/^request_id,row,time,model,.*,degraded,input_origin\n$/);
    await anneal('tiny', '--since', '2999-01-01', '--output', 'none.csv');
    expect(readFileSync(join(root, 'none.csv'), 'utf8')).toBe(none.stdout);
    const nowhere = await anneal('tiny', '--output', 'nowhere/rows.csv');
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/rows\.csv cannot be written: there is no folder /) });
  });

  test('says what there is where nothing fits, and what to do where nothing is logged', async () => {
    const [unfit, unknown, noModel, noTime, noFile] = await Promise.all([
      anneal('tiny', '--anomalous', '1', '--degraded', '--since', '1h', '--until', '2999-01-01', '--request-id', 'nobody'),
      anneal('other'),
      anneal('../tiny'),
      anneal('tiny', '--since', 'yesterday'),
      anneal('tiny', '--output', 'rows.xlsx'),
    ]);
    expect(unfit).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringMatching(/^None of the 5 logged rows fits \(.*versions 3, 4\)/),
    });
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringMatching(/no log of predictions .*"other".*ANNEAL_PREDICTION_LOG/) });
    for (const [wrong, message] of [
      [noModel, /is not the name of a model/],
      [noTime, /--since "yesterday" is no time/],
      [noFile, /End its name in \.csv/],
    ] as const)
      expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  });

  test('reads no more parts than it needs', async () => {
    const parts = await loggedParts(store, 'tiny', root);
    const read: string[] = [];
    const counting = Object.assign(Object.create(store) as FileArtifactStore, {
      localPath: async (ref: (typeof parts)[number]['data']) => {
        read.push(ref.sha256);
        return store.localPath(ref);
      },
    });
    const newest = parts.find(({ version }) => version === '4')!;
    const older = parts.map((part) => (part === newest ? part : { ...part, untilMs: newest.fromMs - 1 }));
    await withDataSession({ scratchRoot: join(root, 'scratch') }, async (session) => {
      expect(await newestRows(session, counting, older, {}, 1)).toHaveLength(1);
      expect(await newestRows(session, counting, older, { version: '5' }, 1)).toEqual([]);
    });
    expect(read).toEqual([newest.data.sha256]);
  });
});
