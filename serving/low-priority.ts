import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** Low enough that requests which are being served come first, high enough to go on on a machine that is busy. */
const niceness = 10;
/** Little but what nobody else wants. */
export const lowestPriority = 19;
let canReturn: boolean | undefined;

/**
 * Do what nobody waits for behind the other threads: Linux gives each thread a priority of its own. Threads that are started
 * meanwhile, as onnxruntime's for a session, inherit it and come back from it as well. Where this process has not the right to raise a
 * priority again (`CAP_SYS_NICE`, or a limit that allows it: `RLIMIT_NICE`), or on another system, it is done at the thread's own.
 *
 * @throws what `work` throws
 */
export async function atLowPriority<T>(work: () => Promise<T>): Promise<T> {
  if (!(canReturn ??= mayReturn())) return work();
  const usual = getPriority();
  const before = new Set(threadsOf('self'));
  setPriority(Math.max(usual, niceness));
  try {
    return await work();
  } finally {
    setPriority(usual);
    setPriorities(
      threadsOf('self').filter((thread) => !before.has(thread)),
      usual,
    );
  }
}

function threadsOf(process: number | 'self'): number[] {
  return readdirSync(`/proc/${process}/task`).map(Number);
}

/** A thread that ends meanwhile is none that matters. */
function setPriorities(threads: readonly number[], to: number): void {
  for (const thread of threads) {
    try {
      setPriority(thread, to);
    } catch {
      // It has ended.
    }
  }
}

/** `CAP_SYS_NICE` among the bits of Linux's capabilities. */
const sysNice = 23n;

/** Whether a thread of this process that has stood behind others may come back from there to the priority of this one. */
export function mayReturn(): boolean {
  if (process.platform !== 'linux') return false;
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (capabilities && (BigInt(`0x${capabilities[1]}`) >> sysNice) & 1n) return true;
  // Counted the other way round: 20 allows the priority 0, and 40 the highest, -20.
  const limit = /^Max nice priority\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return Number(limit?.[1] ?? 0) >= 20 - getPriority();
}

/**
 * Put a whole process behind the others for good: on Linux also the threads that Node.js started before, which a priority of the
 * process leaves as they are; later ones inherit it.
 *
 * @param pid of this process, or of another one of the same user
 */
export function lowerProcess(pid = process.pid, to = niceness): void {
  setPriority(pid, to);
  if (process.platform === 'linux') setPriorities(threadsOf(pid), to);
}

/** Put the calling thread behind the others for good, where threads have priorities of their own. */
export function lowerThread(): void {
  if (process.platform === 'linux') setPriority(niceness);
}
