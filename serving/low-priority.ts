import { getPriority, setPriority } from 'node:os';

/** As the loader's. */
const niceness = 10;
let canReturn: boolean | undefined;

/**
 * Do what nobody waits for behind the other threads: Linux gives each thread a priority of its own. Where this process has not the
 * right to raise a priority again (`CAP_SYS_NICE`), or on another system, it is done at the thread's own.
 *
 * @throws what `work` throws
 */
export async function atLowPriority<T>(work: () => Promise<T>): Promise<T> {
  if (!(canReturn ??= process.platform === 'linux' && mayRaise())) return work();
  const usual = getPriority();
  setPriority(Math.max(usual, niceness));
  try {
    return await work();
  } finally {
    setPriority(usual);
  }
}

/** One step down is not noticed by a thread that cannot come back from it. */
function mayRaise(): boolean {
  const usual = getPriority();
  try {
    setPriority(usual + 1);
    setPriority(usual);
    return true;
  } catch {
    return false;
  }
}
