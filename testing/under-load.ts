/**
 * Ask over and over from as many callers at once while something else happens, and stop when it has, also when it fails: a caller
 * that outlived its test would take the processor from all tests after it.
 *
 * @param ask gets the number of its caller, from 0; its failure ends the load, and is thrown
 * @returns all answers, in the order in which they came
 */
export async function underLoad<T>(callers: number, ask: (caller: number) => Promise<T>, during: () => Promise<unknown>): Promise<T[]> {
  const answers: T[] = [];
  let isOver = false;
  const asked = Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (!isOver) answers.push(await ask(caller));
    }),
  );
  try {
    await Promise.race([during(), asked]);
  } finally {
    isOver = true;
    await Promise.allSettled([asked]);
  }
  await asked;
  return answers;
}
