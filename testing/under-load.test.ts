import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { underLoad } from './under-load.js';

describe('underLoad', () => {
  const asking = () => {
    const counts = { asked: 0, running: 0, most: 0 };
    const ask = async () => {
      counts.most = Math.max(counts.most, ++counts.running);
      await sleep(1);
      counts.running--;
      return ++counts.asked;
    };
    return { counts, ask };
  };

  it('returns what its callers were answered while the rest ran, and asks no more then', async () => {
    const { counts, ask } = asking();
    const answers = await underLoad(3, ask, () => sleep(30));
    expect(answers).toEqual(Array.from({ length: counts.asked }, (_, i) => i + 1));
    expect(counts).toMatchObject({ running: 0, most: 3 });
    await sleep(10);
    expect(counts.asked).toBe(answers.length);
  });

  it('asks no more when the rest fails', async () => {
    const { counts, ask } = asking();
    const during = async () => {
      await sleep(10);
      throw new Error('over');
    };
    await expect(underLoad(2, ask, during)).rejects.toThrow('over');
    const { asked } = counts;
    await sleep(10);
    expect(counts).toMatchObject({ asked, running: 0 });
  });

  it('fails with the first failure of a caller, without waiting for the rest', async () => {
    const { ask } = asking();
    const failing = async () => {
      if ((await ask()) === 5) throw new Error('unanswered');
    };
    await expect(underLoad(2, failing, () => new Promise(() => undefined))).rejects.toThrow('unanswered');
  });
});
