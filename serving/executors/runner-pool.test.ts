import { describe, expect, it } from '@jest/globals';
import { RunnerPool, type RunnerObserver } from './runner-pool.js';
import { NoRunnerError, RunnerDiedError, type Runner } from './runner.js';
import type { Batch } from '../tensors.js';

const batch: Batch = { rows: 1, columns: [Float64Array.of(1)] };
const nobody: RunnerObserver = { died: () => undefined, replaced: () => undefined, refused: () => undefined };

/** Runners that die on the calls that the test says; each answers with its number. */
function dyingRunners(dies: (call: number) => boolean) {
  let calls = 0;
  let started = 0;
  const start = async (onDeath: (error: RunnerDiedError) => void): Promise<Runner> => {
    const id = started++;
    return {
      run: async () => {
        const call = calls++;
        await Promise.resolve();
        if (dies(call)) {
          const error = new RunnerDiedError('test');
          onDeath(error);
          throw error;
        }
        return { values: Float32Array.of(id) };
      },
      close: async () => undefined,
    };
  };
  return { start, started: () => started };
}

describe('RunnerPool', () => {
  it('says that the executor of a batch died, and runs the next one on another', async () => {
    const runners = dyingRunners((call) => call === 0);
    const told: string[] = [];
    const pool = await RunnerPool.open(2, runners.start, {
      ...nobody,
      died: ({ name }) => told.push(name),
      replaced: () => told.push('replaced'),
    });
    // Of the two, the second one is asked first.
    await expect(pool.run(batch)).rejects.toThrow(RunnerDiedError);
    expect((await pool.run(batch)).values[0]).not.toBe(1);
    expect(told).toEqual(['RunnerDiedError', 'replaced']);
    expect(pool.size).toBe(2);
    await pool.close();
  });

  it('lets a batch wait for the replacement where there is no other, also one whose runner died twice', async () => {
    const runners = dyingRunners((call) => call < 2);
    const pool = await RunnerPool.open(1, runners.start, nobody);
    await expect(pool.run(batch)).rejects.toThrow(RunnerDiedError);
    await expect(pool.run(batch)).rejects.toThrow(RunnerDiedError);
    expect((await pool.run(batch)).values[0]).toBe(2);
    expect(pool.ready()).toBeUndefined();
    await pool.close();
  });

  it('refuses batches while a version that always crashes pauses, and takes them again afterwards', async () => {
    const runners = dyingRunners((call) => call < 4);
    const pauses: number[] = [];
    const pool = await RunnerPool.open(1, runners.start, { ...nobody, refused: (pauseMs) => pauses.push(pauseMs) });
    for (let i = 0; i < 4; i++) await expect(pool.run(batch)).rejects.toThrow(RunnerDiedError);
    expect(pauses).toEqual([expect.any(Number)]);
    await expect(pool.run(batch)).rejects.toMatchObject({ name: 'NoRunnerError', retryAfterSeconds: 1 });
    await expect(pool.ready()).rejects.toThrow(NoRunnerError);
    expect(pool.size).toBe(0);
    while (pool.size === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await pool.run(batch)).values[0]).toBe(4);
    await pool.close();
  });

  it('refuses what waits for a replacement that cannot be started', async () => {
    const runners = dyingRunners((call) => call === 0);
    let starts = 0;
    const start = (onDeath: (error: RunnerDiedError) => void): Promise<Runner> =>
      starts++ === 0 ? runners.start(onDeath) : Promise.reject(new Error('no memory'));
    const died: string[] = [];
    const pool = await RunnerPool.open(1, start, { ...nobody, died: ({ message }) => died.push(message) });
    await expect(pool.run(batch)).rejects.toThrow(RunnerDiedError);
    await expect(pool.run(batch)).rejects.toThrow(NoRunnerError);
    expect(died.slice(1)).toEqual(['no memory', 'no memory', 'no memory']);
    await pool.close();
  });

  it('passes an error of the graph on without another try', async () => {
    let calls = 0;
    const run = async () => {
      calls++;
      throw new Error('bad rows');
    };
    const pool = await RunnerPool.open(1, async () => ({ run, close: async () => undefined }), nobody);
    await expect(pool.run(batch)).rejects.toThrow('bad rows');
    expect(calls).toBe(1);
  });

  it('does not take a runner that died before it could be used', async () => {
    const start = async (onDeath: (error: RunnerDiedError) => void): Promise<Runner> => {
      onDeath(new RunnerDiedError('at once'));
      return { run: () => Promise.reject(new Error('unused')), close: async () => undefined };
    };
    await expect(RunnerPool.open(1, start, nobody)).rejects.toThrow('at once');
  });

  it('leaves nothing open when one of its runners cannot start', async () => {
    let closed = 0;
    let started = 0;
    const start = async (): Promise<Runner> => {
      if (started++ === 1) throw new Error('no memory');
      return { run: () => Promise.reject(new Error('unused')), close: async () => void closed++ };
    };
    await expect(RunnerPool.open(2, start, nobody)).rejects.toThrow('no memory');
    expect(closed).toBe(1);
  });
});
