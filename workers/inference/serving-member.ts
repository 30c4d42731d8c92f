import cluster, { type Worker } from 'node:cluster';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { AnnealError } from '../../contracts/failures.js';
import type {
  CollectedCommand,
  CollectMessage,
  CollectedMessage,
  CommandMessage,
  CommandName,
  ListeningMessage,
  ReplyMessage,
  ServingCommands,
} from '../../serving/process-messages.js';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import { largePages } from '../../ml/train/child/large-pages.js';

export interface ServingMemberOptions {
  readonly logger: Logger;
  /** Number of the member in its host, for the log. */
  readonly index: number;
  /** Read at each start. */
  readonly start: () => ServingCommands['start']['input'];
  /** Read whenever a process is told to listen. */
  readonly listen: () => ServingCommands['listen']['input'];
  /** Load into this process what the host serves. Its failure is its own affair. */
  readonly restore: (member: ServingMember) => Promise<void>;
  /** Ask every process of the host. */
  readonly collect: (command: CollectedCommand) => Promise<CollectedMessage['results']>;
  /** A process that has not answered for this long is taken for hung, and replaced. @default 5000 */
  readonly hangTimeoutMs?: number;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process that lived this long is restarted at once when it dies; one that did not, more and more slowly. */
const healthyAfterMs = 10_000;
const maxRestartDelayMs = 10_000;
const stopGraceMs = 35_000;
const pingEveryMs = 1000;
/** Its event loop turns, but what it holds cannot be loaded again as long as this. */
const restoreTimeoutMs = 60_000;

/** The process ended while it held the command; another process, or the next one, may take it. */
export class MemberEndedError extends Error {}

/** One serving process as its supervisor sees it: commands with answers, and a new process when the old one died or hangs. */
export class ServingMember {
  readonly #options: ServingMemberOptions;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #up: Promise<unknown> | undefined;
  #restored: Promise<void> = Promise.resolve();
  #isServing = false;
  #nextId = 1;
  #stopping = false;
  #shortLives = 0;
  #pings: NodeJS.Timeout | undefined;

  constructor(options: ServingMemberOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether its process listens and holds what it should. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** When the first process holds what was served before, or has failed to. Never fails. */
  get restored(): Promise<void> {
    return this.#restored;
  }

  /**
   * Start the process for the first time.
   *
   * @param whenRestored others still answer in place of this host: the process holds what was served before, or has failed to, when this
   *   is called, and listens once it has returned
   * @returns once it listens; what was served before may still be loading, where nobody else answers
   * @throws Error with `code` and `listener` when the address cannot be used; nothing is left running then
   */
  async start(whenRestored?: () => Promise<void>): Promise<void> {
    this.#up = this.#launch();
    try {
      await this.#up;
      const child = this.#child;
      if (whenRestored) {
        this.#restored = this.#restore();
        await Promise.race([this.#restored, sleep(restoreTimeoutMs, undefined, { ref: false })]);
        await whenRestored();
        // It died meanwhile: the next one comes as ever.
        if (this.#child !== child || !child?.connected) return;
      }
      await this.#send('listen', this.#options.listen());
      this.#isServing = true;
      if (!whenRestored) this.#restored = this.#restore();
    } catch (error) {
      this.#stopping = true;
      this.#child?.kill('SIGKILL');
      throw error;
    }
  }

  /**
   * Send one command; while the process is being restarted, wait for the new one.
   *
   * @throws AnnealError as the process answered it, or MemberEndedError when the process died meanwhile (worth a retry)
   */
  async request<K extends CommandName>(command: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result']> {
    if (!this.#up || this.#stopping) throw new Error('The serving process of this host is not running.');
    await this.#up;
    return this.#send(command, input);
  }

  /** Let the requests in flight finish and end the process; killed when that takes too long. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearInterval(this.#pings);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
    // One that is just starting has no requests, and does not hear yet.
    if (this.#isServing) {
      await this.#send('drain', null).catch(() => undefined);
      if (child.connected) child.disconnect();
    } else child.kill('SIGKILL');
    await exited;
    clearTimeout(timer);
  }

  async #launch(): Promise<void> {
    const child = forkServing().process;
    const startedAt = performance.now();
    this.#child = child;
    const listening = new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new MemberEndedError('The serving process of this host ended while it was starting.')));
      child.on('message', (message: ReplyMessage | CollectMessage | ListeningMessage) => {
        if ('isListening' in message) resolve();
        else this.#receive(child, message);
      });
    });
    child.on('error', (error) => this.#options.logger.error({ error: error.message }, 'the serving process cannot be reached'));
    child.once('exit', (code, signal) => this.#exited(code, signal, performance.now() - startedAt));
    await listening;
    await this.#send('start', this.#options.start());
    this.#watch(child);
  }

  async #restore(): Promise<void> {
    try {
      await this.#options.restore(this);
    } catch (error) {
      if (!this.#stopping) this.#options.logger.error({ error: String(error) }, 'what was served before could not be loaded again');
    }
  }

  #exited(code: number | null, signal: NodeJS.Signals | null, livedMs: number): void {
    this.#isServing = false;
    clearInterval(this.#pings);
    for (const { reject } of this.#waiting.values())
      reject(new MemberEndedError(`The serving process of this host ended (${signal ?? `exit code ${code}`}).`));
    this.#waiting.clear();
    if (this.#stopping) return;
    this.#shortLives = livedMs < healthyAfterMs ? this.#shortLives + 1 : 0;
    const { logger, index } = this.#options;
    logger.error({ process: index, code, signal, livedMs: Math.round(livedMs) }, 'a serving process died; starting another');
    this.#up = this.#restart();
    // Its exit brings the next attempt.
    this.#up.then(
      () => this.#serveAgain(),
      () => this.#child?.kill('SIGKILL'),
    );
  }

  async #restart(): Promise<void> {
    if (this.#shortLives > 1) await sleep(Math.min(maxRestartDelayMs, 250 * 2 ** this.#shortLives));
    if (this.#stopping) throw new Error('The host is stopping.');
    await this.#launch();
  }

  /** It takes connections once it holds the models, so that no request meets an empty process while others could answer. */
  async #serveAgain(): Promise<void> {
    const child = this.#child;
    try {
      await Promise.race([this.#restore(), sleep(restoreTimeoutMs, undefined, { ref: false })]);
      await this.#send('listen', this.#options.listen());
      this.#isServing = true;
    } catch (error) {
      if (this.#stopping || this.#child !== child) return;
      this.#options.logger.error({ error: String(error) }, 'the new serving process cannot listen');
      child?.kill('SIGKILL');
    }
  }

  /** Notice a process that neither dies nor works: its event loop no longer turns. */
  #watch(child: ChildProcess): void {
    const { logger, index, hangTimeoutMs = 5000 } = this.#options;
    let answeredAt = performance.now();
    let checkedAt = answeredAt;
    clearInterval(this.#pings);
    this.#pings = setInterval(
      () => {
        const now = performance.now();
        // This process was stopped itself, or the machine was asleep: nobody could have answered.
        if (now - checkedAt > hangTimeoutMs / 2 + pingEveryMs) answeredAt = now;
        checkedAt = now;
        if (this.#child !== child) return;
        if (now - answeredAt > hangTimeoutMs) {
          logger.error({ process: index, silentMs: Math.round(now - answeredAt) }, 'a serving process hangs; replacing it');
          clearInterval(this.#pings);
          child.kill('SIGKILL');
          return;
        }
        this.#send('ping', null).then(
          () => (answeredAt = performance.now()),
          () => undefined,
        );
      },
      Math.min(pingEveryMs, hangTimeoutMs / 4),
    );
    this.#pings.unref();
  }

  #send<K extends CommandName>(command: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result']> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      // The reply to a command carries that command's result.
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      const message: CommandMessage<K> = { id, command, input };
      const failed = (error: Error | null) => {
        if (error && this.#waiting.delete(id)) reject(new MemberEndedError(error.message));
      };
      if (this.#child?.connected) this.#child.send(message, failed);
      else failed(new Error('The serving process of this host ended.'));
    });
  }

  #receive(child: ChildProcess, message: ReplyMessage | CollectMessage): void {
    if ('collect' in message) {
      void this.#options.collect(message.command).then((results) => {
        const reply: CollectedMessage = { collected: message.collect, results };
        if (child.connected) child.send(reply, () => undefined);
      });
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    if (message.ok) waiting.resolve(message.result);
    else if (message.type) waiting.reject(new AnnealError(message.type, message.message, message.details));
    else waiting.reject(Object.assign(new Error(message.message), { code: message.code, listener: message.listener }));
  }
}

/**
 * A process that shares its ports with the others: this process holds the listening sockets and accepts nothing itself; whichever
 * serving process has time takes the next connection, and one that hangs or is gone takes none.
 */
function forkServing(): Worker {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: compiledModule(new URL('../../serving/process.ts', import.meta.url)),
    execArgv: [...compiledFlags],
    args: [],
  });
  return cluster.fork(largePages());
}
