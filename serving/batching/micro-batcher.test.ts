import { describe, expect, it } from '@jest/globals';
import { MicroBatcher } from './micro-batcher.js';
import { DeadlineExceededError, OverloadedError, RequestCancelledError, requestTerms } from '../request-terms.js';
import { NoRunnerError, RequestCrashedError, RunnerDiedError } from '../executors/runner.js';
import type { Batch, BatchOutputs } from '../tensors.js';

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
    // A lone request is not held back for company.
    expect(sizes).toEqual([1, 3]);
  });

  it('waits for the end of the turn once requests have lately come in company', async () => {
    const sizes: number[] = [];
    const batcher = new MicroBatcher({
      width: 1,
      run: async (batch) => {
        sizes.push(batch.rows);
        return doubled(batch);
      },
    });
    for (let i = 0; i < 10; i++) await Promise.all([1, 2, 3, 4].map((value) => batcher.submit(batchOf(value))));
    expect(sizes.slice(0, 2)).toEqual([1, 3]);
    expect(sizes.at(-1)).toBe(4);
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

  /** An executor that dies of a batch with the value 13; counts what it was given. */
  function mortalExecutor() {
    const ran: number[][] = [];
    const run = async (batch: Batch) => {
      const values = [...(batch.columns[0] as Float64Array)];
      ran.push(values);
      await Promise.resolve();
      if (values.includes(13)) throw new RunnerDiedError('signal SIGSEGV');
      return doubled(batch);
    };
    return { ran, run };
  }

  it('runs what an executor died of once more, each request alone, and none of them a third time', async () => {
    const { ran, run } = mortalExecutor();
    const batcher = new MicroBatcher({ width: 1, run });
    const answers = [1, 2, 13, 3].map((value) => batcher.submit(batchOf(value)).then(({ values }) => values[0]));
    await expect(answers[2]).rejects.toThrow(RequestCrashedError);
    expect(await Promise.all([answers[0], answers[1], answers[3]])).toEqual([2, 4, 6]);
    expect(ran).toEqual([[1], [2, 13, 3], [2], [13], [3]]);
    await expect(batcher.submit(batchOf(13))).rejects.toThrow(RequestCrashedError);
    expect(ran.slice(5)).toEqual([[13], [13]]);
  });

  it('gives no second try to a request whose time is over, or that nobody waits for', async () => {
    const { ran, run } = mortalExecutor();
    const batcher = new MicroBatcher({ width: 1, run });
    const terms = requestTerms();
    const first = batcher.submit(batchOf(1));
    const crashing = batcher.submit(batchOf(13), terms);
    await first;
    terms.isCancelled = true;
    await expect(crashing).rejects.toThrow(RequestCancelledError);
    expect(ran).toEqual([[1], [13]]);
  });

  it('answers a request whose time passes while it waits for its second try', async () => {
    const { run } = mortalExecutor();
    let calls = 0;
    const ready = () => (calls++ === 0 ? undefined : new Promise<void>(() => undefined));
    const batcher = new MicroBatcher({ width: 1, run, ready });
    const startedAt = performance.now();
    await expect(batcher.submit(batchOf(13), requestTerms({ deadlineAt: startedAt + 50 }))).rejects.toThrow(DeadlineExceededError);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it('keeps its second tries apart from each other, before what came later, and in the order of priorities', async () => {
    const { ran, run } = mortalExecutor();
    const batcher = new MicroBatcher({ width: 1, run });
    const answers = [batcher.submit(batchOf(1))];
    for (const value of [13, 2, 3]) answers.push(batcher.submit(batchOf(value)));
    await answers[0];
    answers.push(batcher.submit(batchOf(4)), batcher.submit(batchOf(5)), batcher.submit(batchOf(6), requestTerms({ priority: 'high' })));
    await Promise.allSettled(answers);
    // The one of a higher priority waits for nobody, and shares its batch with none that is in its last try.
    expect(ran).toEqual([[1], [13, 2, 3], [6], [13], [2], [3], [4, 5]]);
  });

  it('lets requests wait in the queue while there is no executor, where their timeouts count, and sheds none for the wait', async () => {
    let comeBack = (): void => undefined;
    let isDown = true;
    const ready = () => (isDown ? new Promise<void>((resolve) => (comeBack = resolve)) : undefined);
    const sizes: number[] = [];
    const run = async (batch: Batch) => {
      sizes.push(batch.rows);
      return doubled(batch);
    };
    const batcher = new MicroBatcher({ width: 1, run, ready, maxWaitMs: 20 });
    const waiting = [1, 2, 3].map((value) => batcher.submit(batchOf(value)));
    await expect(batcher.submit(batchOf(4), requestTerms({ deadlineAt: performance.now() + 20 }))).rejects.toThrow(DeadlineExceededError);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(sizes).toEqual([]);
    expect(batcher.isFull).toBe(false);
    isDown = false;
    comeBack();
    expect((await Promise.all(waiting)).map(({ values }) => values[0])).toEqual([2, 4, 6]);
    expect(sizes).toEqual([3]);
    expect(batcher.isFull).toBe(false);
    await batcher.idle();
  });

  it('refuses what waits when there will be no executor for long', async () => {
    const ready = () => Promise.reject(new NoRunnerError(3));
    const batcher = new MicroBatcher({ width: 1, run: async (batch) => doubled(batch), ready });
    const answers = await Promise.allSettled([1, 2].map((value) => batcher.submit(batchOf(value))));
    expect(answers).toEqual([1, 2].map(() => ({ status: 'rejected', reason: new NoRunnerError(3) })));
    await batcher.idle();
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

  it('executes requests of a higher priority first, and refuses those of a lower one first', async () => {
    const { held, run } = heldExecutor();
    const batcher = new MicroBatcher({ width: 1, run, maxWaitingRows: 3, maxBatchRows: 1 });
    const first = batcher.submit(batchOf(0));
    await turn();
    const order: number[] = [];
    const submit = (value: number, priority: 'high' | 'normal' | 'low') =>
      batcher.submit(batchOf(value), requestTerms({ priority })).then(() => order.push(value));
    const low = [submit(1, 'low'), submit(2, 'low')];
    const refused = expect(low[1]).rejects.toThrow(OverloadedError);
    const others = [submit(3, 'normal'), submit(4, 'high')];
    await refused;
    await expect(submit(5, 'low')).rejects.toThrow(OverloadedError);
    for (let i = 0; i < 4; i++) {
      held[i].finish();
      await turn();
    }
    await Promise.all([first, low[0], ...others]);
    expect(order).toEqual([4, 3, 1]);
  });

  it('does not begin work whose time is over or that nobody waits for, and says so without waiting for the executor', async () => {
    const { held, run } = heldExecutor();
    const batcher = new MicroBatcher({ width: 1, run });
    const first = batcher.submit(batchOf(0));
    await turn();
    const gone = requestTerms();
    const late = batcher.submit(batchOf(1), requestTerms({ deadlineAt: performance.now() + 5 }));
    const cancelled = batcher.submit(batchOf(2), gone);
    const wanted = batcher.submit(batchOf(3), requestTerms({ deadlineAt: performance.now() + 60_000 }));
    const isCancelled = expect(cancelled).rejects.toThrow(RequestCancelledError);
    await expect(late).rejects.toThrow(DeadlineExceededError);
    gone.isCancelled = true;
    held[0].finish();
    await first;
    await isCancelled;
    expect(held.map(({ batch }) => Array.from(batch.columns[0] as Float64Array))).toEqual([[0], [3]]);
    held[1].finish();
    expect((await wanted).values[0]).toBe(6);
  });

  it('refuses a request that would wait too long by what the last batches took, and says when to try again', async () => {
    const batcher = new MicroBatcher({
      width: 1,
      maxBatchRows: 1,
      maxWaitMs: 60,
      run: async (batch) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return doubled(batch);
      },
    });
    await batcher.submit(batchOf(0));
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => batcher.submit(batchOf(i))));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.length).toBeGreaterThan(5);
    expect(refused.length).toBeLessThan(19);
    expect(refused[0].reason).toMatchObject({ name: 'OverloadedError', retryAfterSeconds: 1 });
  });

  it('runs as many batches at a time as there are executors', async () => {
    const { held, run } = heldExecutor();
    const batcher = new MicroBatcher({ width: 1, run, executors: 2, maxBatchRows: 1 });
    const answers = [1, 2, 3].map((value) => batcher.submit(batchOf(value)));
    await turn();
    expect(held.length).toBe(2);
    held[1].finish();
    await answers[1];
    expect(held.length).toBe(3);
    held[0].finish();
    held[2].finish();
    await Promise.all(answers);
  });

  it('makes smaller batches when large ones take longer than the target allows', async () => {
    const batcher = new MicroBatcher({
      width: 1,
      targetP99Ms: 10,
      run: async (batch) => {
        // A millisecond a row: batches of more than ten miss the target.
        await new Promise((resolve) => setTimeout(resolve, batch.rows));
        return doubled(batch);
      },
    });
    const until = performance.now() + 1500;
    const client = async () => {
      while (performance.now() < until) await batcher.submit(batchOf(1));
    };
    await Promise.all(Array.from({ length: 30 }, client));
    expect(batcher.policy.maxRows).toBeLessThanOrEqual(15);
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
      batcher.submit({ rows: 1, columns: [['x'], BigInt64Array.of(0n), Float64Array.of(0)] }),
      batcher.submit({ rows: 1, columns: [['a'], BigInt64Array.of(2n ** 60n), Float64Array.of(Number.NaN)] }),
      batcher.submit({ rows: 2, columns: [['', 'c'], BigInt64Array.of(-(2n ** 63n), 3n), Float64Array.of(1, 2)] }),
    ]);
    expect(seen.slice(1)).toEqual([
      { rows: 3, columns: [['a', '', 'c'], BigInt64Array.of(2n ** 60n, -(2n ** 63n), 3n), Float64Array.of(Number.NaN, 1, 2)] },
    ]);
  });
});
