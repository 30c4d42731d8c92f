import { describe, expect, it } from '@jest/globals';
import { RunnerPool } from './runner-pool.js';
import { RunnerDiedError, type Runner } from './runner.js';
import type { Batch } from './tensors.js';

const batch: Batch = { rows: 1, columns: [Float64Array.of(1)] };

/** Runners that die on the calls that the test says. */
function dyingRunners(dies: (call: number) => boolean) {
  let calls = 0;
  let started = 0;
  const ran: number[] = [];
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
        ran.push(id);
        return { values: Float32Array.of(id) };
      },
      close: async () => undefined,
    };
  };
  return { start, ran, started: () => started, calls: () => calls };
}

describe('RunnerPool', () => {
  it('tries a batch once more on another runner when its own dies', async () => {
    const runners = dyingRunners((call) => call === 0);
    const deaths: string[] = [];
    const pool = await RunnerPool.open(2, runners.start, (error) => deaths.push(error.message));
    // Of the two, the second one is asked first.
    expect((await pool.run(batch)).values[0]).not.toBe(1);
    expect(deaths).toHaveLength(1);
    await pool.close();
  });

  it('tries it on the replacement where there is no other', async () => {
    const runners = dyingRunners((call) => call === 0);
    const pool = await RunnerPool.open(1, runners.start, () => undefined);
    expect((await pool.run(batch)).values[0]).toBe(1);
    await pool.close();
  });

  it('gives a batch up that killed two runners, and serves the next one', async () => {
    const runners = dyingRunners((call) => call < 2);
    const pool = await RunnerPool.open(1, runners.start, () => undefined);
    await expect(pool.run(batch)).rejects.toThrow(RunnerDiedError);
    expect((await pool.run(batch)).values[0]).toBe(2);
    await pool.close();
  });

  it('passes an error of the graph on without another try', async () => {
    let calls = 0;
    const run = async () => {
      calls++;
      throw new Error('bad rows');
    };
    const pool = await RunnerPool.open(
      1,
      async () => ({ run, close: async () => undefined }),
      () => undefined,
    );
    await expect(pool.run(batch)).rejects.toThrow('bad rows');
    expect(calls).toBe(1);
  });

  it('leaves nothing open when one of its runners cannot start', async () => {
    let closed = 0;
    let started = 0;
    const start = async (): Promise<Runner> => {
      if (started++ === 1) throw new Error('no memory');
      return { run: () => Promise.reject(new Error('unused')), close: async () => void closed++ };
    };
    await expect(RunnerPool.open(2, start, () => undefined)).rejects.toThrow('no memory');
    expect(closed).toBe(1);
  });
});
