import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rowsToColumns } from '../../ml/data/read/raw-tensors.js';
import { prepareVersion } from '../loader/prepare-version.js';
import { goldenBatch, openPrepared, type PreparedVersion } from '../loader/prepared-version.js';
import { startProcessRunner } from './process-runner.js';
import { scoredRows, writeScoredVersion } from '../testing/scored-bundle.js';
import { lightGolden, lightManifest, writeLightVersion } from '../testing/light-bundle.js';
import { tinyGolden, tinyProbability, writeTinyVersion } from '../testing/tiny-bundle.js';
import { tileBatch, type Batch } from '../tensors.js';
import { startThreadRunner } from './thread-runner.js';

const never = (): void => {
  throw new Error('nothing has died');
};
const tinyBatch = (...rows: { origin: string; distance: number; date?: number }[]): Batch => ({
  rows: rows.length,
  columns: [
    rows.map(({ origin }) => origin),
    BigInt64Array.from(rows, ({ date = 0 }) => BigInt(date)),
    Float64Array.from(rows, ({ distance }) => distance),
  ],
});

describe.each([
  ['thread', startThreadRunner],
  ['process', startProcessRunner],
] as const)('an executor that is a %s', (kind, start) => {
  const directory = mkdtempSync(join(tmpdir(), `anneal-runner-${kind}-`));
  let prepared: PreparedVersion;
  beforeAll(async () => {
    prepared = await prepareVersion(writeTinyVersion(join(directory, 'tiny'), { bias: 0 }), directory);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('computes what the version says for texts, integers and numbers, batch after batch of any size', async () => {
    const runner = await start({ prepared, threads: 1 }, never);
    const origins = ['SFO', 'JFK', 'København', '日本', '😀', '\ud83d', '\ude00', ''];
    for (const size of [1, 2, 33, 5000, 1]) {
      const rows = Array.from({ length: size }, (_, i) => ({ origin: origins[i % origins.length], distance: i / 10 }));
      const { values, classIndex } = await runner.run(tinyBatch(...rows));
      const expected = rows.map((row) => tinyProbability({ bias: 0 }, row));
      expect(values).toHaveLength(2 * size);
      expect(classIndex).toHaveLength(size);
      for (const [i, late] of expected.entries()) {
        expect(Math.abs(values[2 * i + 1] - late)).toBeLessThan(1e-6);
        if (Math.abs(late - 0.5) > 1e-6) expect(classIndex![i]).toBe(Number(late >= 0.5));
      }
    }
    await runner.close();
  });

  it('gives the same bits as a session on this thread, with scores and missing values, and owns what it gave', async () => {
    const scored = await prepareVersion(await writeScoredVersion(join(directory, 'scored'), 3), directory);
    const here = await openPrepared(scored, { prepack: true });
    const runner = await start({ prepared: scored, threads: 1 }, never);
    const columns = rowsToColumns(
      scored.manifest.inputs,
      Object.values(scoredRows).map(({ row }) => row),
    ).map(({ data }) => data);
    const batch = { rows: 5, columns };
    const first = await runner.run(batch);
    const copy = structuredClone(first);
    await runner.run(tileBatch(batch, 64));
    expect(first).toEqual(copy);
    expect(first).toEqual(await here.run(batch));
    expect(Array.from(first.anomaly!)).toEqual(Object.values(scoredRows).map(({ anomaly }) => anomaly));
    await Promise.all([here.release(), runner.close()]);
  });

  it('takes images as their bytes', async () => {
    const light = await prepareVersion(writeLightVersion(join(directory, 'light')), directory);
    const runner = await start({ prepared: light, threads: 1 }, never);
    const { values } = await runner.run(tileBatch(goldenBatch(lightManifest, lightGolden), 3000));
    expect(values).toEqual(Float32Array.from({ length: 3000 }, () => values[0]));
    expect(values[0]).toBeCloseTo(3, 5);
    await runner.close();
  });

  it('says why a graph fails on some rows, and goes on', async () => {
    const runner = await start({ prepared, threads: 1 }, never);
    const wrong: Batch = { rows: 2, columns: [['SFO', 'JFK'], BigInt64Array.of(0n), Float64Array.of(1, 2)] };
    await expect(runner.run(wrong)).rejects.toThrow(/dims|size|shape/);
    expect((await runner.run(tinyBatch({ origin: 'SFO', distance: 0 }))).values[1]).toBeCloseTo(0.6225, 4);
    await runner.close();
  });

  it('opens the next version where the one before was closed', async () => {
    const other = await prepareVersion(writeTinyVersion(join(directory, 'other'), { bias: 1 }), directory);
    const first = await start({ prepared, threads: 1 }, never);
    const { pid } = first;
    await first.close();
    await first.close();
    const second = await start({ prepared: other, threads: 1 }, never);
    expect(second.pid).toBe(pid);
    const row = { origin: 'JFK', distance: 100 };
    expect((await second.run(tinyBatch(row))).values[1]).toBeCloseTo(tinyProbability({ bias: 1 }, row), 6);
    await second.close();
  });

  it('refuses a version whose image is gone, or not as it was verified', async () => {
    const gone = { ...prepared, image: { ...prepared.image, path: join(directory, 'nowhere') } };
    await expect(start({ prepared: gone, threads: 1 }, never)).rejects.toMatchObject({ type: 'LoadFailed' });
    const path = join(directory, 'golden-of-another.json');
    writeFileSync(path, JSON.stringify(tinyGolden({ bias: 3 })));
    const changed = { ...prepared, golden: { ...prepared.golden, path } };
    await expect(start({ prepared: changed, threads: 1 }, never)).rejects.toMatchObject({ type: 'LoadFailed' });
  });
});

const onlyX64 = process.arch === 'x64' ? it : it.skip;

describe('an executor process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-runner-crash-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  onlyX64('is all that a crash of native code takes along', async () => {
    const prepared = await prepareVersion(writeTinyVersion(join(directory, 'tiny'), { bias: 0, crashesAt: 13 }), directory);
    const deaths: unknown[] = [];
    const runner = await startProcessRunner({ prepared, threads: 1 }, (error) => deaths.push(error));
    const { pid } = runner;
    await expect(runner.run(tinyBatch({ origin: 'SFO', distance: 0, date: 13 }))).rejects.toMatchObject({
      name: 'RunnerDiedError',
      death: { pid, signal: 'SIGFPE' },
    });
    expect(deaths).toHaveLength(1);
    await expect(runner.run(tinyBatch({ origin: 'SFO', distance: 0 }))).rejects.toThrow('SIGFPE');
    await runner.close();
  });

  onlyX64('that crashes on the golden rows is a version that was not loaded, and says how it ended', async () => {
    const prepared = await prepareVersion(writeTinyVersion(join(directory, 'golden'), { bias: 0, crashesAt: 13 }), directory);
    const golden = JSON.stringify({ ...tinyGolden({ bias: 0 }), instances: [{ origin: 'SFO', date: 13, distance: 0 }] });
    const path = join(directory, 'golden.json');
    writeFileSync(path, golden);
    const crashing = { ...prepared, golden: { path, sha256: createHash('sha256').update(golden).digest('hex') } };
    await expect(startProcessRunner({ prepared: crashing, threads: 1 }, never)).rejects.toMatchObject({
      type: 'LoadFailed',
      message: expect.stringContaining(
        'crashed while it opened the version and ran its golden rows: its process was ended by signal SIGFPE',
      ),
      cause: expect.objectContaining({ death: expect.objectContaining({ signal: 'SIGFPE' }) }),
    });
  });
});
