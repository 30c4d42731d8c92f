import { readdir, readFile } from 'node:fs/promises';

/** What else the machine did in a window; it makes requests late that no server is to blame for. */
export interface MachineNoise {
  /** Share of one core that processes beside the bench had: more than 1 where they had several. */
  readonly othersCores: number;
  /** Share of one core that the hypervisor kept although it was wanted. */
  readonly stolenCores: number;
}

interface Ticks {
  readonly atMs: number;
  readonly busy: number;
  readonly stolen: number;
  readonly own: number;
}

/** `USER_HZ`, which Linux shows to programs whatever its own timer does. */
const ticksPerSecond = 100;
/** Columns of a line `cpu` in `/proc/stat`. */
const columns = { user: 1, nice: 2, system: 3, irq: 6, softirq: 7, steal: 8 } as const;
const busyColumns = ['user', 'nice', 'system', 'irq', 'softirq'] as const;

/** Tells from `/proc` what else ran on this machine. A process that starts and ends within a window counts with the others. */
export class NoiseMeter {
  #before: Ticks;

  private constructor(
    private readonly root: number,
    before: Ticks,
  ) {
    this.#before = before;
  }

  /** @param root whose descendants, and itself, are the bench's own */
  static async start(root = process.pid): Promise<NoiseMeter> {
    return new NoiseMeter(root, await readTicks(root));
  }

  /** @returns what was seen since it was called last */
  async take(): Promise<MachineNoise> {
    const before = this.#before;
    const after = (this.#before = await readTicks(this.root));
    const ticks = ((after.atMs - before.atMs) / 1000) * ticksPerSecond;
    const others = after.busy - before.busy - (after.own - before.own);
    return { othersCores: Math.max(0, others / ticks), stolenCores: (after.stolen - before.stolen) / ticks };
  }
}

async function readTicks(root: number): Promise<Ticks> {
  const [total, own] = await Promise.all([readFile('/proc/stat', 'utf8'), ticksOfTree(root)]);
  const fields = total.slice(0, total.indexOf('\n')).split(/ +/).map(Number);
  const busy = busyColumns.reduce((sum, name) => sum + fields[columns[name]], 0);
  return { atMs: performance.now(), busy, stolen: fields[columns.steal], own };
}

/** User and system time of a process, its descendants, and those of their children that have ended. */
async function ticksOfTree(root: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)));
  const parents = new Map<number, { readonly parent: number; readonly ticks: number }>();
  for (const [i, line] of found.entries()) {
    if (line === undefined) continue;
    // The name in parentheses may hold anything; what follows it begins with the third field, the state.
    const fields = line
      .slice(line.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent] = fields;
    const [user, system, userOfEnded, systemOfEnded] = fields.slice(11, 15);
    parents.set(Number(pids[i]), { parent, ticks: user + system + userOfEnded + systemOfEnded });
  }
  const isOwn = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at)?.parent) if (at === root) return true;
    return false;
  };
  let sum = 0;
  for (const [pid, { ticks }] of parents) if (isOwn(pid)) sum += ticks;
  return sum;
}
