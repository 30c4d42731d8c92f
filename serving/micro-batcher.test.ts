import { describe, expect, it } from '@jest/globals';
import { MicroBatcher, OverloadedError } from './micro-batcher.js';
import type { Batch, BatchOutputs } from './tensors.js';

const batchOf = (...values: number[]): Batch => ({ rows: values.length, columns: [Float64Array.from(values)] });
const doubled = (batch: Batch): BatchOutputs => ({ values: Float32Array.from(batch.columns[0] as Float64Array, (value) => 2 * value) });
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** An executor that holds every batch until the test lets it go. */
function heldExecutor() {
  const held: { batch: Batch; finish: () => void }[] = [];
  const run = (batch: Batch) =>
    new Promise<BatchOutputs>((resolve) => {
      held.push({ batch, finish: () => resolve(doubled(batch)) });
    });
  return { held, run };
}

describe('MicroBatcher', () => {
  it('gives each request its own rows of a shared batch', async () => {
    const sizes: number[] = [];
    const batcher = new MicroBatcher({
      width: 1,
      run: async (batch) => {
        sizes.push(batch.rows);
        return doubled(batch);
      },
    });
    const answers = await Promise.all([batcher.submit(batchOf(1)), batcher.submit(batchOf(2, 3)), batcher.submit(batchOf(4))]);
    expect(answers.map(({ values }) => Array.from(values))).toEqual([[2], [4, 6], [8]]);
    expect(sizes).toEqual([4]);
  });

  it('collects what comes in while a batch runs, and runs it as one', async () => {
    const { held, run } = heldExecutor();
    const batcher = new MicroBatcher({ width: 1, run });
    const first = batcher.submit(batchOf(1));
    await turn();
    const later = [batcher.submit(batchOf(2)), batcher.submit(batchOf(3))];
    await turn();
    expect(held.map(({ batch }) => batch.rows)).toEqual([1]);
    held[0].finish();
    await first;
    expect(held.map(({ batch }) => batch.rows)).toEqual([1, 2]);
    held[1].finish();
    expect((await Promise.all(later)).map(({ values }) => values[0])).toEqual([4, 6]);
  });

  it('does not grow a batch beyond its limit, but takes a larger request alone', async () => {
    const sizes: number[] = [];
    const batcher = new MicroBatcher({
      width: 1,
      maxBatchRows: 3,
      run: async (batch) => {
        sizes.push(batch.rows);
        return doubled(batch);
      },
    });
    await Promise.all([batchOf(1, 2), batchOf(3, 4), batchOf(1, 2, 3, 4, 5), batchOf(6)].map((batch) => batcher.submit(batch)));
    expect(sizes).toEqual([2, 2, 5, 1]);
  });

  it('fails only the request whose rows fail, not those that shared its batch', async () => {
    const batcher = new MicroBatcher({
      width: 1,
      run: async (batch) => {
        if ((batch.columns[0] as Float64Array).includes(13)) throw new Error('unlucky');
        return doubled(batch);
      },
    });
    const outcomes = await Promise.allSettled([1, 13, 2].map((value) => batcher.submit(batchOf(value))));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('refuses a request when too many rows wait, and takes the next once they do not', async () => {
    const { held, run } = heldExecutor();
    const batcher = new MicroBatcher({ width: 1, run, maxWaitingRows: 3 });
    const running = batcher.submit(batchOf(1));
    await turn();
    const waiting = batcher.submit(batchOf(1, 2));
    await expect(batcher.submit(batchOf(1, 2))).rejects.toThrow(OverloadedError);
    held[0].finish();
    await running;
    const later = batcher.submit(batchOf(5, 6));
    held[1].finish();
    await waiting;
    held[2].finish();
    expect(Array.from((await later).values)).toEqual([10, 12]);
  });

  it('is idle only when nothing waits and nothing runs', async () => {
    const { held, run } = heldExecutor();
    const batcher = new MicroBatcher({ width: 1, run });
    await batcher.idle();
    const answers = [batcher.submit(batchOf(1))];
    await turn();
    answers.push(batcher.submit(batchOf(2)));
    let isIdle = false;
    const idle = batcher.idle().then(() => (isIdle = true));
    held[0].finish();
    await answers[0];
    await turn();
    expect(isIdle).toBe(false);
    held[1].finish();
    await Promise.all([...answers, idle]);
    expect(isIdle).toBe(true);
  });

  it('keeps text, 64-bit integers and missing values of each row when it stacks requests', async () => {
    const seen: Batch[] = [];
    const batcher = new MicroBatcher({
      width: 1,
      run: async (batch) => {
        seen.push(batch);
        return { values: new Float32Array(batch.rows) };
      },
    });
    await Promise.all([
      batcher.submit({ rows: 1, columns: [['a'], BigInt64Array.of(2n ** 60n), Float64Array.of(Number.NaN)] }),
      batcher.submit({ rows: 2, columns: [['', 'c'], BigInt64Array.of(-(2n ** 63n), 3n), Float64Array.of(1, 2)] }),
    ]);
    expect(seen).toEqual([
      { rows: 3, columns: [['a', '', 'c'], BigInt64Array.of(2n ** 60n, -(2n ** 63n), 3n), Float64Array.of(Number.NaN, 1, 2)] },
    ]);
  });
});
