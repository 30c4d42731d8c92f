import { availableParallelism } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { choosePlan, measureCores, planServing } from './plan-serving.js';

describe('planServing', () => {
  it.each([
    [{}, 1, { processes: 2, executors: { executors: 1, threads: 1 } }],
    [{}, 1.7, { processes: 2, executors: { executors: 1, threads: 1 } }],
    [{}, 7.8, { processes: 8, executors: { executors: 1, threads: 1 } }],
    [{}, 64, { processes: 16, executors: { executors: 4, threads: 1 } }],
    [{ processes: 2, executors: 2 }, 8, { processes: 2, executors: { executors: 2, threads: 2 } }],
    [{ processes: 1, executors: 3, threads: 5 }, 4, { processes: 1, executors: { executors: 3, threads: 5 } }],
  ])('with %o on %d cores: %o', (settings, cores, expected) => {
    expect(choosePlan(settings, cores)).toEqual(expected);
  });

  it('measures no more cores than there are, and at least a part of one', async () => {
    const cores = await measureCores();
    expect(cores).toBeGreaterThan(0.2);
    expect(cores).toBeLessThanOrEqual(Math.min(32, availableParallelism()));
  });

  it('takes what is set as it is', async () => {
    const settings = { processes: 3, executors: 1, threads: 2, placement: 'executor-thread', targetP99Ms: 20 } as const;
    expect(await planServing(settings)).toEqual({
      processes: 3,
      executors: { executors: 1, threads: 2, placement: 'executor-thread', targetP99Ms: 20 },
    });
  });
});
