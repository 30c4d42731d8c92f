import { expect, it } from '@jest/globals';
import { keepRestored } from './keep-restored.js';

it('tries again until everything is loaded, and ends when it is told to', async () => {
  const stop = new AbortController();
  let tries = 0;
  const restoreMissing = async (): Promise<boolean> => {
    if (++tries === 4) stop.abort();
    return tries === 2;
  };
  await keepRestored({ restoreMissing }, stop.signal, 1);
  expect(tries).toBe(4);
});
