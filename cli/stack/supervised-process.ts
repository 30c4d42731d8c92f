import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { logSize, openLog } from './log-file.js';
import { identifyProcess, type ProcessIdentity } from './process-identity.js';
import type { ServiceState } from './stack-state.js';

export interface ServiceSpec {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logPath: string;
  /** `message`: the process says `{type: 'ready'}` to its parent; else the question is asked until the answer is yes. */
  readonly ready: 'message' | (() => Promise<boolean>);
  /** A worker ends its own children in order; the servers' groups are asked as a whole. */
  readonly stopSignalTo: 'process' | 'group';
  readonly stopGraceMs: number;
  /** When it is killed, what it started goes on for so long at most, and is taken over by the next one. @default it is killed, too */
  readonly outlivedMs?: number;
}

/** Pause before the nth restart in a row: a kill is healed at once, a process that cannot start is not tried in a tight loop. */
export function restartDelayMs(failuresInARow: number): number {
  return Math.min(30_000, 250 * 2 ** Math.min(failuresInARow, 10));
}

/** A process that ran this long before it died is taken as healthy: the pause begins anew. */
const healthyAfterMs = 30_000;
const readyPollMs = 150;
/** What outlives its process ends within this when it is asked to. */
const outlivingGraceMs = 8000;

/**
 * One process that is kept running: started, watched, started again when it dies, ended in order.
 *
 * It leads a process group of its own, so that the terminal's Ctrl-C reaches only the supervisor, and nothing that it
 * started survives it for longer than it may.
 */
export class SupervisedProcess {
  readonly #spec: ServiceSpec;
  readonly #changed: () => void;
  #child: ChildProcess | undefined;
  #identity: ProcessIdentity | undefined;
  #state: ServiceState['state'] = 'starting';
  #restarts = 0;
  #failuresInARow = 0;
  #everReady = false;
  #stopping = new AbortController();
  #logStart = 0;
  #lastExit = '';
  /** Groups of killed processes, and until when they may be there. */
  readonly #outliving = new Map<number, number>();

  /** @param changed is called after every change of state */
  constructor(spec: ServiceSpec, changed: () => void) {
    this.#spec = spec;
    this.#changed = changed;
  }

  get spec(): ServiceSpec {
    return this.#spec;
  }

  get everReady(): boolean {
    return this.#everReady;
  }

  /** Deaths since it was last healthy. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** How it ended last, e.g. "exit code 1". */
  get lastExit(): string {
    return this.#lastExit;
  }

  /** Undefined until it runs for the first time. */
  get status(): ServiceState | undefined {
    return this.#identity && { name: this.#spec.name, ...this.#identity, state: this.#state, restarts: this.#restarts };
  }

  start(): void {
    if (this.#stopping.signal.aborted) return;
    const { program, args, env, cwd, logPath, ready } = this.#spec;
    const log = openLog(logPath);
    this.#logStart = logSize(logPath);
    const child = spawn(program, [...args], {
      cwd,
      env,
      detached: true,
      stdio: ready === 'message' ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    const startedAt = performance.now();
    child.once('error', (error) => this.#ended(child, startedAt, error.message));
    child.once('exit', (code, signal) => this.#ended(child, startedAt, signal ? `signal ${signal}` : `exit code ${code}`));
    if (child.pid !== undefined) this.#identity = identifyProcess(child.pid) ?? { pid: child.pid, startTime: 'unknown' };
    if (ready === 'message') {
      child.on('message', (message: unknown) => {
        if ((message as { type?: unknown } | null)?.type === 'ready') this.#becameReady(child);
      });
    } else void this.#pollReady(child, ready);
    this.#changed();
  }

  /** Rotating needs no cooperation of the process. */
  get logPath(): string {
    return this.#spec.logPath;
  }

  /** Where in the log what the present attempt writes begins, bytes. */
  get logStart(): number {
    return this.#logStart;
  }

  /** Ask it to end, then make it; also its children. Resolves when all of them are gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      signal(this.#spec.stopSignalTo === 'group' ? -child.pid : child.pid, 'SIGTERM');
      const late = sleep(this.#spec.stopGraceMs, 'late' as const, { ref: false });
      if ((await Promise.race([exited, late])) === 'late') {
        signal(-child.pid, 'SIGKILL');
        await exited;
      }
    }
    await Promise.all([...this.#outliving].map(([group, until]) => endGroup(group, until)));
    this.#state = 'stopped';
    this.#changed();
  }

  async #pollReady(child: ChildProcess, isReady: () => Promise<boolean>): Promise<void> {
    while (this.#child === child && !this.#stopping.signal.aborted) {
      if (await isReady().catch(() => false)) {
        this.#becameReady(child);
        return;
      }
      await sleep(readyPollMs, undefined, { ref: false });
    }
  }

  #becameReady(child: ChildProcess): void {
    if (this.#child !== child || this.#stopping.signal.aborted) return;
    this.#state = 'ready';
    this.#everReady = true;
    this.#changed();
  }

  #ended(child: ChildProcess, startedAt: number, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#lastExit = how;
    if (child.pid !== undefined) this.#endChildren(child.pid);
    if (this.#stopping.signal.aborted) return;
    if (performance.now() - startedAt > healthyAfterMs) this.#failuresInARow = 0;
    this.#startAgain();
  }

  /** What it started must not hold its port or its device when it is started again, unless the next one takes it over. */
  #endChildren(group: number): void {
    const { outlivedMs } = this.#spec;
    if (outlivedMs === undefined || this.#stopping.signal.aborted) signal(-group, 'SIGKILL');
    else this.#outliving.set(group, performance.now() + outlivedMs);
  }

  #startAgain(): void {
    this.#state = 'restarting';
    const delayMs = restartDelayMs(this.#failuresInARow++);
    this.#changed();
    void sleep(delayMs, undefined, { signal: this.#stopping.signal })
      .then(() => {
        this.#restarts++;
        this.#state = 'starting';
        this.start();
      })
      .catch((error: unknown) => {
        if (this.#stopping.signal.aborted) return;
        // The machine may lack room for a log or a process for a while.
        this.#lastExit = (error as Error).message;
        this.#startAgain();
      });
  }
}

/** @param until afterwards its number may be another's */
async function endGroup(group: number, until: number): Promise<void> {
  const deadline = Math.min(until, performance.now() + outlivingGraceMs);
  if (performance.now() > deadline || !signal(-group, 'SIGTERM')) return;
  while (performance.now() < deadline) {
    await sleep(50);
    if (!signal(-group, 0)) return;
  }
  signal(-group, 'SIGKILL');
}

/** @returns whether there is such a process, or group */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    // EPERM: macOS says so of a group in which only zombies are left.
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return false;
  }
}
