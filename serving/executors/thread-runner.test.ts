import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, expect, it } from '@jest/globals';
import { prepareVersion } from '../loader/prepare-version.js';
import { RunnerPool } from './runner-pool.js';
import { tileBatch } from '../tensors.js';
import { tinyProbability, writeTinyVersion } from '../testing/tiny-bundle.js';
import { startThreadRunner } from './thread-runner.js';
import { startTypescriptThread } from '../../ml/typescript-thread.js';

const batch = { rows: 1, columns: [['SFO'], BigInt64Array.of(0n), Float64Array.of(100)] };
const directory = mkdtempSync(join(tmpdir(), 'anneal-threads-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('an executor thread that was killed in the middle of a batch is replaced', async () => {
  const prepared = await prepareVersion(writeTinyVersion(directory, { bias: 0 }), directory);
  const workers: Worker[] = [];
  const start = () => {
    const worker = startTypescriptThread(new URL('./executor-thread.ts', import.meta.url));
    workers.push(worker);
    return worker;
  };
  const told: string[] = [];
  const pool = await RunnerPool.open(1, (onDeath) => startThreadRunner({ prepared, threads: 1 }, onDeath, start), {
    died: (error) => told.push(error.name),
    replaced: () => told.push('replaced'),
    refused: () => told.push('refused'),
  });
  const answer = pool.run(tileBatch(batch, 100_000));
  await Promise.all([expect(answer).rejects.toMatchObject({ name: 'RunnerDiedError', death: { exitCode: 1 } }), workers[0].terminate()]);
  expect((await pool.run(batch)).values[1]).toBeCloseTo(tinyProbability({ bias: 0 }, { origin: 'SFO', distance: 100 }), 6);
  expect(told).toEqual(['RunnerDiedError', 'replaced']);
  await pool.close();
  await workers[1].terminate();
});
