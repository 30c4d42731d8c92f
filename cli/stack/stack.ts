import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { countOrphans, releaseOrphans } from '../../workers/inference/orphans.js';
import { protectionWarnings, readProtection } from '../../workers/inference/protection.js';
import type { Settings } from '../../workers/settings.js';
import { CommandError, usageError } from '../command-error.js';
import { printNote } from '../output.js';
import { requireExternalServers } from './health.js';
import { grpcAddress, inferenceUrl } from './inference-url.js';
import { logTail, rotateLog } from './log-file.js';
import { isPortTaken, requireFreePorts, unusedPort, type InheritedPorts } from './ports.js';
import { endGroups, identifyProcess } from './process-identity.js';
import { portNeeds, serverSpecs, workerSpecs } from './services.js';
import {
  claimStackState,
  removeStackState,
  stackCondition,
  stackSettings,
  writeStackState,
  type ServiceState,
  type StackState,
} from './stack-state.js';
import { ensureHome } from './home-folder.js';
import { SupervisedProcess } from './supervised-process.js';

const upkeepEveryMs = 60_000;
const deathsUntilGivenUp = 3;

/** Thrown by `startStack` when this home's stack runs already. */
export class StackRunsAlready extends CommandError {
  constructor(readonly state: StackState) {
    super(`The stack runs already (process ${state.supervisor.pid}). "anneal status" shows it, "anneal down" stops it.`);
    this.name = 'StackRunsAlready';
  }
}

/**
 * Start Temporal, MLflow and the workers, all at once, and keep them running. Returns when they are started, not when they are ready.
 *
 * What a stack that was killed has left behind is ended first, but for serving processes that still answer: the host takes over from them.
 *
 * @param changed is called when a part changes its state
 * @throws StackRunsAlready
 * @throws CommandError when a port is taken, a server that others run cannot be reached, or the host cannot use its certificates or tokens
 */
export async function startStack(
  settings: Settings,
  { detached = false, changed = () => undefined }: { readonly detached?: boolean; readonly changed?: (service: ServiceState) => void } = {},
): Promise<Stack> {
  requireProtection(settings);
  ensureHome(settings.home);
  const inherited = await clearRemains(settings);
  await Promise.all([requireFreePorts(portNeeds(settings), inherited), requireExternalServers(settings)]);
  const stack = new Stack(await withGrpcPort(settings, inherited?.grpc), detached, changed);
  stack.start();
  return stack;
}

/**
 * Chosen here where it may be any, so that it is known to all, and stays the same when the host starts again: beside the HTTP
 * port, as 8081 is beside 8080, so that it mostly is what it was at the last start of the stack.
 *
 * @param inherited where serving processes answer that the host takes over from
 */
async function withGrpcPort(settings: Settings, inherited: number | undefined): Promise<Settings> {
  const { ports, httpHost } = settings;
  if (ports.grpc !== 0) return settings;
  if (inherited !== undefined) return { ...settings, ports: { ...ports, grpc: inherited } };
  const beside = ports.http + 1;
  const isFree = !portNeeds(settings).some(({ port }) => port === beside) && beside <= 65_535 && !(await isPortTaken(beside, httpHost));
  return { ...settings, ports: { ...ports, grpc: isFree ? beside : await unusedPort(httpHost) } };
}

/**
 * Make sure that the host can use its certificates and tokens, and say what of them will keep its clients out. It would tell as much, but only once everything else runs, and in its log.
 *
 * @throws CommandError (usage) that names the variable and the file
 */
export function requireProtection({ serving }: Settings): void {
  try {
    for (const warning of protectionWarnings(readProtection(serving))) printNote(warning);
  } catch (error) {
    throw usageError((error as Error).message);
  }
}

/**
 * End what is left of a stack whose supervisor was killed. Serving processes that answer where this stack's host is to answer stay
 * until that holds what they serve: ended here, they would leave nobody to answer meanwhile.
 *
 * @returns the ports that they keep until then
 * @throws StackRunsAlready
 */
async function clearRemains(settings: Settings): Promise<InheritedPorts | undefined> {
  const { home, hostId } = settings;
  const condition = stackCondition(home);
  if (condition.kind === 'running') throw new StackRunsAlready(condition.state);
  if (condition.kind === 'unreadable') removeStackState(home);
  if (condition.kind !== 'stale') return undefined;
  const inherited = await inheritedPorts(settings, condition.state);
  await endStaleStack(home, condition.state, inherited && hostId);
  return inherited;
}

async function inheritedPorts(
  { home, hostId, ports }: Settings,
  { settings: before, grpcAddress: address }: StackState,
): Promise<InheritedPorts | undefined> {
  const grpc = Number(address?.split(':').at(-1));
  const isSamePlace = before.ports.http === ports.http && grpc > 0 && [0, grpc].includes(ports.grpc);
  return isSamePlace && (await countOrphans(join(home, 'inference', hostId))) > 0 ? { http: ports.http, grpc } : undefined;
}

/**
 * End the orphans of a stack whose supervisor is gone, and forget it.
 *
 * @param heir host whose serving processes go on, since it is about to start again
 */
export async function endStaleStack(home: string, state: StackState, heir?: string): Promise<void> {
  await endGroups(state.services, 5000);
  // Those of an inference worker that was killed as well go on without it.
  const hosts = await readdir(join(home, 'inference')).catch(() => []);
  await Promise.all(hosts.filter((host) => host !== heir).map((host) => releaseOrphans(join(home, 'inference', host))));
  const now = stackCondition(home);
  if (now.kind === 'stale' && now.state.supervisor.pid === state.supervisor.pid) removeStackState(home);
}

export class Stack {
  readonly #settings: Settings;
  readonly #detached: boolean;
  readonly #changed: (service: ServiceState) => void;
  readonly #startedAtMs = Date.now();
  #servers: readonly SupervisedProcess[] = [];
  #workers: readonly SupervisedProcess[] = [];
  readonly #waiting = new Set<() => void>();
  #upkeep: NodeJS.Timeout | undefined;
  #unsaved = false;
  #stopped: Promise<void> | undefined;

  constructor(settings: Settings, detached: boolean, changed: (service: ServiceState) => void) {
    this.#settings = settings;
    this.#detached = detached;
    this.#changed = changed;
  }

  get state(): StackState {
    return {
      formatVersion: 1,
      supervisor: identifyProcess(process.pid)!,
      detached: this.#detached,
      startedAtMs: this.#startedAtMs,
      ready: this.#processes().length > 0 && this.#processes().every(({ status }) => status?.state === 'ready'),
      services: this.#processes().flatMap(({ status }) => status ?? []),
      settings: stackSettings(this.#settings),
      httpUrl: inferenceUrl(this.#settings),
      grpcAddress: grpcAddress(this.#settings),
    };
  }

  start(): void {
    const supervise = (spec: ConstructorParameters<typeof SupervisedProcess>[0]): SupervisedProcess => {
      const part: SupervisedProcess = new SupervisedProcess(spec, () => this.#onChange(part));
      return part;
    };
    this.#servers = serverSpecs(this.#settings).map(supervise);
    this.#workers = workerSpecs(this.#settings).map(supervise);
    const { home } = this.#settings;
    if (!claimStackState(home, this.state)) {
      const other = stackCondition(home);
      if (other.kind === 'running') throw new StackRunsAlready(other.state);
      throw new CommandError(`Another process has just changed the state of the stack in ${home}. Run the command again.`);
    }
    for (const process of this.#processes()) process.start();
    this.#upkeep = setInterval(() => {
      if (this.#unsaved) this.#saveState();
      for (const { logPath } of this.#processes()) rotateLog(logPath);
    }, upkeepEveryMs).unref();
  }

  /**
   * Wait until parts of the stack are ready.
   *
   * @param names default: all of them; servers that others run are there already
   * @throws CommandError with the end of its log when a part cannot be started
   */
  async whenReady(names?: readonly string[], timeoutMs = 180_000): Promise<void> {
    const wanted = this.#processes().filter(({ spec }) => !names || names.includes(spec.name));
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (wanted.every(({ status }) => status?.state === 'ready') || this.#stopped) return;
      const broken = wanted.find((process) => !process.everReady && process.failuresInARow >= deathsUntilGivenUp);
      if (broken) throw cannotStart(broken, `ended ${deathsUntilGivenUp} times while it started (last: ${broken.lastExit})`);
      const late = performance.now() > deadline && wanted.find(({ status }) => status?.state !== 'ready');
      if (late) throw cannotStart(late, `was not ready after ${Math.round(timeoutMs / 1000)} s`);
      await this.#nextChange(500);
    }
  }

  /** Workers first, so that they can end their tasks at servers that still answer. Safe to call twice. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    clearInterval(this.#upkeep);
    await Promise.all(this.#workers.map((process) => process.stop()));
    await Promise.all(this.#servers.map((process) => process.stop()));
    removeStackState(this.#settings.home);
  }

  #processes(): readonly SupervisedProcess[] {
    return [...this.#servers, ...this.#workers];
  }

  #onChange(process: SupervisedProcess): void {
    this.#saveState();
    for (const wake of this.#waiting) wake();
    if (process.status) this.#changed(process.status);
  }

  /** A full disk or a home that somebody removed must not end the process that keeps the others running. */
  #saveState(): void {
    try {
      writeStackState(this.#settings.home, this.state);
      this.#unsaved = false;
    } catch {
      this.#unsaved = true;
    }
  }

  #nextChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
    });
  }
}

function cannotStart(process: SupervisedProcess, what: string): CommandError {
  const { name, logPath } = process.spec;
  const tail = logTail(logPath, 8, process.logStart);
  return new CommandError(
    `The part "${name}" of the stack ${what}. Its log is ${logPath}${tail ? `; it ends with:\n${tail}` : ', and it wrote nothing there.'}`,
  );
}
