import { allDone } from '../../all-done.js';

/**
 * Work on items, some at a time.
 *
 * @returns the results in the order of the items
 * @throws the first failure, after which no further item is begun; the signal's reason when aborted
 */
export async function inParallel<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const results = Array.from<R>({ length: items.length });
  let next = 0;
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !hasFailed) {
      signal?.throwIfAborted();
      const index = next++;
      try {
        results[index] = await work(items[index], index);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await allDone(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
