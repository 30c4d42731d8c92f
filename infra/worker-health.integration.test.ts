import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { taskQueues } from '../contracts/task-queues.js';
import { temporalAddress } from '../testing/servers.js';

const script = fileURLToPath(new URL('worker-health.ts', import.meta.url));

function check(kind: string, address = temporalAddress()): Promise<{ code: number; message: string }> {
  const env = { ...process.env, TEMPORAL_ADDRESS: address };
  return new Promise((resolve) => {
    execFile(process.execPath, ['scripts/run.mjs', script, kind], { env }, (error, _stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, message: stderr }),
    );
  });
}

test('a container is healthy while a worker of its own polls its queue, and not by the workers of others', async () => {
  expect(await check('data')).toEqual({ code: 1, message: expect.stringContaining('anneal-data') });
  const connection = await NativeConnection.connect({ address: temporalAddress() });
  try {
    const create = (taskQueue: string, options: { identity?: string } = {}) =>
      Worker.create({ connection, taskQueue, ...options, activities: { nothing: async () => undefined }, shutdownForceTime: '2 seconds' });
    const own = await create(taskQueues.data);
    await own.runUntil(async () => {
      const foreign = await create(taskQueues.training, { identity: `1@not-${hostname()}` });
      await foreign.runUntil(async () => {
        expect((await check('data')).code).toBe(0);
        expect((await check('training')).code).toBe(1);
      });
    });
  } finally {
    await connection.close();
  }
});

test('a kind of worker that does not exist is refused', async () => {
  expect(await check('toString')).toEqual({ code: 2, message: expect.stringContaining('orchestration, data, training, inference') });
});

test('a container whose Temporal does not answer is told so in a line', async () => {
  const { code, message } = await check('data', '127.0.0.1:1');
  expect(code).toBe(1);
  expect(message).toMatch(/^Temporal at 127\.0\.0\.1:1 could not be asked who polls anneal-data \(.+\)\.\n$/);
});
