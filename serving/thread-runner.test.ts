import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { prepareVersion } from './loader/prepare-version.js';
import type { PreparedVersion } from './prepared-version.js';
import { RunnerPool } from './runner-pool.js';
import { tinyProbability, writeTinyVersion } from './testing/tiny-bundle.js';
import { ThreadRunner } from './thread-runner.js';
import { startTypescriptThread } from '../ml/typescript-thread.js';

const batch = { rows: 1, columns: [['SFO'], BigInt64Array.of(0n), Float64Array.of(100)] };

describe('executor threads', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-threads-'));
  let prepared: PreparedVersion;
  beforeAll(async () => {
    prepared = await prepareVersion(writeTinyVersion(directory, { bias: 0 }), directory);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('compute the batch of a thread that was killed in the middle of it', async () => {
    const workers: Worker[] = [];
    const start = () => {
      const worker = startTypescriptThread(new URL('./executor-thread.ts', import.meta.url));
      workers.push(worker);
      return worker;
    };
    const deaths: string[] = [];
    const pool = await RunnerPool.open(
      1,
      (onDeath) => ThreadRunner.start({ prepared, threads: 1 }, onDeath, start),
      (error) => deaths.push(error.message),
    );
    const answer = pool.run(batch);
    await workers[0].terminate();
    expect((await answer).values[1]).toBeCloseTo(tinyProbability({ bias: 0 }, { origin: 'SFO', distance: 100 }), 6);
    expect(deaths).toHaveLength(1);
    expect(workers).toHaveLength(2);
    await pool.close();
    await workers[1].terminate();
  });

  it('refuse a version whose image is gone', async () => {
    const gone = { ...prepared, image: { ...prepared.image, path: join(directory, 'nowhere') } };
    await expect(ThreadRunner.start({ prepared: gone, threads: 1 }, () => undefined)).rejects.toMatchObject({ type: 'LoadFailed' });
  });
});
