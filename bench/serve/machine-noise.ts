import { readdir, readFile } from 'node:fs/promises';

/** What else the machine did in a window; it makes requests late that no server is to blame for. */
export interface MachineNoise {
  /** Share of one core that processes beside the bench had: more than 1 where they had several. */
  readonly othersCores: number;
  /** Share of one core that the hypervisor kept although it was wanted. */
  readonly stolenCores: number;
}

/** What was counted since the machine started, in ticks. */
export interface Ticks {
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
    return noiseBetween(before, (this.#before = await readTicks(this.root)));
  }
}

/** Pure. */
export function noiseBetween(before: Ticks, after: Ticks): MachineNoise {
  const ticks = ((after.atMs - before.atMs) / 1000) * ticksPerSecond;
  const others = after.busy - before.busy - (after.own - before.own);
  return { othersCores: Math.max(0, others / ticks), stolenCores: (after.stolen - before.stolen) / ticks };
}

async function readTicks(root: number): Promise<Ticks> {
  const [total, lines] = await Promise.all([readFile('/proc/stat', 'utf8'), processLines()]);
  return { atMs: performance.now(), ...ticksOfMachine(total), own: ticksOfTree(lines, root) };
}

/** `/proc/<pid>/stat` of every process that did not end meanwhile. */
async function processLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)));
  return lines.filter((line) => line !== undefined);
}

/** @param stat content of `/proc/stat` */
export function ticksOfMachine(stat: string): Pick<Ticks, 'busy' | 'stolen'> {
  const fields = stat.slice(0, stat.indexOf('\n')).split(/ +/).map(Number);
  return { busy: busyColumns.reduce((sum, name) => sum + fields[columns[name]], 0), stolen: fields[columns.steal] };
}

/**
 * User and system time of a process, its descendants, and those of their children that have ended.
 *
 * @param lines `/proc/<pid>/stat` of all processes
 */
export function ticksOfTree(lines: readonly string[], root: number): number {
  const parents = new Map<number, { readonly parent: number; readonly ticks: number }>();
  for (const line of lines) {
    // The name in parentheses may hold anything; what follows it begins with the third field, the state.
    const fields = line
      .slice(line.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent] = fields;
    const [user, system, userOfEnded, systemOfEnded] = fields.slice(11, 15);
    parents.set(Number.parseInt(line), { parent, ticks: user + system + userOfEnded + systemOfEnded });
  }
  const isOwn = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at)?.parent) if (at === root) return true;
    return false;
  };
  let sum = 0;
  for (const [pid, { ticks }] of parents) if (isOwn(pid)) sum += ticks;
  return sum;
}
