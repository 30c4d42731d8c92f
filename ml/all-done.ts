/**
 * Wait for pieces of work that go on at the same time, like `Promise.all`, but also after a failure until none is at work any
 * more: a directory or a session that they use may be cleared away then.
 *
 * @throws the first failure in the order of the pieces
 */
export async function allDone<T extends readonly unknown[]>(work: { readonly [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const ends = await Promise.allSettled(work);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  return ends.map((end) => (end as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
