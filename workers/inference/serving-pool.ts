import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { ExecutorOptions } from '../../serving/executors/executor.js';
import type { HttpLimits } from '../../serving/http/http-server.js';
import { HostMetrics } from '../../serving/metrics/host-metrics.js';
import type { OrphanPlace } from '../../serving/orphan.js';
import type {
  CollectedCommand,
  CommandName,
  CollectedMessage,
  ListenerName,
  Protection,
  ProtectionState,
  ServingCommands,
} from '../../serving/process-messages.js';
import { countOrphans, releaseOrphans } from './orphans.js';
import { MemberEndedError, ServingMember } from './serving-member.js';

export interface ServingPoolOptions {
  readonly logger: Logger;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly grpcPort: number;
  /** Serving processes, which share the ports. */
  readonly processes: number;
  readonly limits?: HttpLimits;
  readonly executors?: ExecutorOptions;
  readonly predictionLog?: ServingCommands['start']['input']['predictionLog'];
  readonly tracing?: ServingCommands['start']['input']['tracing'];
  readonly protection?: Protection;
  /** Models that a process will be told to load, read at each start. */
  readonly expected: () => readonly string[];
  /** Load into a new process what the host serves. */
  readonly restore: (member: Pick<ServingMember, 'request'>) => Promise<void>;
  readonly hangTimeoutMs?: number;
  /** Where serving processes answer on when their supervisor was killed, and are taken over from. Left out: they end. */
  readonly orphans?: OrphanPlace;
}

/** A scrape does not wait longer for a process that is busy or hangs. */
const collectTimeoutMs = 1000;

/** The serving processes of a host. What is told to the pool is told to each of them. */
export class ServingPool {
  readonly #options: ServingPoolOptions;
  readonly #metrics = new HostMetrics();
  #members: ServingMember[] = [];
  #port: number;
  #grpcPort: number;
  #protection: ProtectionState;
  #turn = 0;
  #isComplete = false;

  constructor(options: ServingPoolOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#grpcPort = options.grpcPort;
    this.#protection = { ...options.protection, isCurrent: true };
  }

  get port(): number {
    return this.#port;
  }

  get grpcPort(): number {
    return this.#grpcPort;
  }

  /** Of the processes that run now. */
  get pids(): number[] {
    return this.#members.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /**
   * @returns once all processes listen; what was served before may still be loading
   * @throws Error that names the variable to set when an address cannot be used; nothing is left running then
   */
  async start(): Promise<void> {
    const { host, processes } = this.#options;
    try {
      this.#port ||= await freePort(host);
      this.#grpcPort ||= await freePort(host);
    } catch (error) {
      throw cannotListen(error, host, this.#port, 'ANNEAL_HTTP_PORT');
    }
    this.#members = Array.from({ length: processes }, (_, index) => this.#member(index));
    try {
      if (this.#options.orphans && (await countOrphans(this.#options.orphans.directory)) > 0) await this.#takeOver(this.#options.orphans);
      else {
        // The first one alone, so that an address that cannot be used is told once.
        await this.#members[0].start();
        await Promise.all(this.#members.slice(1).map((member) => member.start()));
      }
      void this.#completed();
    } catch (error) {
      await this.stop();
      const isGrpc = (error as { listener?: ListenerName }).listener === 'grpc';
      throw cannotListen(error, host, isGrpc ? this.#grpcPort : this.#port, isGrpc ? 'ANNEAL_GRPC_PORT' : 'ANNEAL_HTTP_PORT');
    }
  }

  /**
   * Send a command to every process; one that is being restarted gets it when it is back. A version is opened by one process after
   * the other, so that the others have the processor meanwhile.
   *
   * @throws the first failure, when all have answered
   */
  async broadcast<K extends CommandName>(command: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result'][]> {
    if (this.#members.length === 0) throw new Error('The serving processes of this host are not running.');
    const outcomes: PromiseSettledResult<ServingCommands[K]['result']>[] = [];
    if (command === 'stage') {
      for (const member of this.#members) outcomes.push(...(await Promise.allSettled([member.request(command, input)])));
    } else outcomes.push(...(await Promise.allSettled(this.#members.map((member) => member.request(command, input)))));
    return outcomes.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  }

  /**
   * Let tokens and certificates take the place of those before, in processes that start later as well.
   *
   * @param protection of the same kind: a host that spoke no TLS, or wanted no token, does so no sooner than after its next start
   * @returns when every process that runs uses them
   */
  async protect(protection: Protection): Promise<void> {
    await this.#tellProtection({ ...protection, isCurrent: true });
  }

  /** What the host was given last cannot be used: it keeps what it has, and says so in its metrics. */
  async keepProtection(): Promise<void> {
    await this.#tellProtection({ ...this.#protection, isCurrent: false });
  }

  async #tellProtection(protection: ProtectionState): Promise<void> {
    this.#protection = protection;
    try {
      await this.broadcast('protect', protection);
    } catch (error) {
      // The next process begins with it.
      if (!(error instanceof MemberEndedError)) throw error;
    }
  }

  /** Those that a supervisor which was killed has left answer until all of ours can. */
  async #takeOver({ directory }: OrphanPlace): Promise<void> {
    let toCome = this.#members.length;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve)).then(async () => {
      const orphans = await releaseOrphans(directory);
      this.#options.logger.info({ orphans }, 'taking over from serving processes whose supervisor had ended');
    });
    const whenRestored = (): Promise<void> => {
      if (--toCome === 0) release();
      return released;
    };
    await Promise.all(this.#members.map((member) => member.start(whenRestored)));
  }

  /** One that starts later takes connections when it holds the models. */
  async #completed(): Promise<void> {
    await Promise.all(this.#members.map(({ restored }) => restored));
    this.#isComplete = true;
    // One that dies meanwhile is told by its start.
    await this.broadcast('complete', null).catch(() => undefined);
  }

  /** Ask one process; when it dies meanwhile, another. Only for what is safe to repeat. */
  async ask<K extends CommandName>(command: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result']> {
    const serving = this.#members.filter((member) => member.isServing);
    const member = (serving.length > 0 ? serving : this.#members)[this.#turn++ % Math.max(1, serving.length || this.#members.length)];
    if (!member) throw new Error('The serving processes of this host are not running.');
    try {
      return await member.request(command, input);
    } catch (error) {
      const other = this.#members.find((each) => each !== member && each.isServing);
      if (!(error instanceof MemberEndedError) || !other) throw error;
      return other.request(command, input);
    }
  }

  /** Let the requests in flight finish and end the processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }

  #member(index: number): ServingMember {
    const { logger, processes, limits, executors, predictionLog, tracing, expected, host, restore, hangTimeoutMs, orphans } = this.#options;
    return new ServingMember({
      logger,
      index,
      start: () => ({
        logLevel: logger.level,
        processes,
        limits,
        executors,
        predictionLog,
        tracing,
        expected: expected(),
        awaitsOthers: !this.#isComplete,
        orphan: orphans,
      }),
      listen: () => ({ host, port: this.#port, grpcPort: this.#grpcPort, protection: this.#protection }),
      restore,
      collect: (command) => (command === 'metrics' ? this.#collectMetrics() : this.#collect(command)),
      hangTimeoutMs,
    });
  }

  async #collect<K extends CollectedCommand>(
    command: K,
    onAnswer?: (result: ServingCommands[K]['result'], index: number) => void,
  ): Promise<ServingCommands[K]['result'][]> {
    const late = sleep(collectTimeoutMs, undefined, { ref: false });
    const asked = this.#members.map((member, index) => {
      const answer = member.request(command, null).then((result) => {
        onAnswer?.(result, index);
        return result;
      });
      return Promise.race([answer.catch(() => undefined), late]);
    });
    return (await Promise.all(asked)).filter((result) => result !== undefined);
  }

  async #collectMetrics(): Promise<CollectedMessage['results']> {
    const answered = new Set<number>();
    await this.#collect('metrics', (metrics, index) => {
      answered.add(index);
      // Read in the turn of the answer, so it is the process that gave it.
      this.#metrics.told(index, this.#members[index].pid, metrics);
    });
    return this.#metrics.all(answered);
  }
}

/** Every process must be given the same number, also one that is started later. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
function cannotListen(error: unknown, host: string, port: number, variable: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const reason = { EADDRINUSE: 'another process uses that port', EACCES: 'this user may not use that port' }[code ?? ''];
  if (reason) {
    return new Error(
      `The inference host cannot listen on ${host}:${port}: ${reason}. Stop that process, or set ${variable} to a free port.`,
    );
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new Error(
      `The inference host cannot listen on ${host}:${port}: this machine has no such address. Set ANNEAL_HTTP_HOST to an address of this machine, e.g. 127.0.0.1.`,
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}
