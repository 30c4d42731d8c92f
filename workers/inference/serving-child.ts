import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { AnnealError } from '../../contracts/failures.js';
import type { CommandMessage, CommandName, ListenerName, ReplyMessage, ServingCommands } from '../../serving/process-messages.js';
import { typescriptExecArgv } from '../../ml/child/typescript-child.js';

export interface ServingChildOptions {
  readonly logger: Logger;
  readonly host: string;
  readonly port: number;
  readonly grpcPort: number;
  readonly predictionLog?: ServingCommands['start']['input']['predictionLog'];
  /** Models that the process will be told to load, read at each start. */
  readonly expected: () => readonly string[];
  /** After each start, also the first: load again what was served. Its failure is its own affair. */
  readonly onStarted: () => Promise<void>;
}

type Ports = ServingCommands['start']['result'];

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process that lived this long is restarted at once when it dies; one that did not, more and more slowly. */
const healthyAfterMs = 10_000;
const maxRestartDelayMs = 10_000;
const stopGraceMs = 35_000;

/** The serving process as its supervisor sees it: commands with answers, and a new process when the old one died. */
export class ServingChild {
  readonly #options: ServingChildOptions;
  readonly #waiting = new Map<number, Waiting>();
  #child: ChildProcess | undefined;
  #up: Promise<Ports> | undefined;
  #port: number;
  #grpcPort: number;
  #nextId = 1;
  #stopping = false;
  #shortLives = 0;

  constructor(options: ServingChildOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#grpcPort = options.grpcPort;
  }

  get port(): number {
    return this.#port;
  }

  get grpcPort(): number {
    return this.#grpcPort;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Start the process for the first time.
   *
   * @returns once it listens; what was served before may still be loading
   * @throws Error that names the variable to set when the address cannot be used
   */
  async start(): Promise<void> {
    this.#up = this.#launch();
    try {
      const { port, grpcPort } = await this.#up;
      this.#port = port;
      this.#grpcPort = grpcPort ?? this.#grpcPort;
    } catch (error) {
      this.#stopping = true;
      this.#child?.kill('SIGKILL');
      const isGrpc = (error as { listener?: ListenerName }).listener === 'grpc';
      throw cannotListen(error, this.#options.host, isGrpc ? this.#grpcPort : this.#port, isGrpc ? 'ANNEAL_GRPC_PORT' : 'ANNEAL_HTTP_PORT');
    }
    this.#afterStart();
  }

  /**
   * Send one command; while the process is being restarted, wait for the new one.
   *
   * @throws AnnealError as the process answered it, or Error when the process died meanwhile (worth a retry)
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
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const timer = setTimeout(() => child.kill('SIGKILL'), stopGraceMs);
    await this.#send('drain', null).catch(() => undefined);
    if (child.connected) child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  async #launch(): Promise<Ports> {
    const child = fork(fileURLToPath(new URL('../../serving/process.ts', import.meta.url)), [], { execArgv: [...typescriptExecArgv] });
    const startedAt = performance.now();
    this.#child = child;
    child.on('message', (message: ReplyMessage) => this.#receive(message));
    child.on('error', (error) => this.#options.logger.error({ error: error.message }, 'the serving process cannot be reached'));
    child.once('exit', (code, signal) => this.#exited(code, signal, performance.now() - startedAt));
    const { host, logger } = this.#options;
    return this.#send('start', {
      host,
      port: this.#port,
      grpcPort: this.#grpcPort,
      logLevel: logger.level,
      expected: this.#options.expected(),
      ...(this.#options.predictionLog ? { predictionLog: this.#options.predictionLog } : {}),
    });
  }

  #afterStart(): void {
    void this.#options.onStarted().catch((error: unknown) => {
      if (!this.#stopping) this.#options.logger.error({ error: String(error) }, 'what was served before could not be loaded again');
    });
  }

  #exited(code: number | null, signal: NodeJS.Signals | null, livedMs: number): void {
    for (const { reject } of this.#waiting.values())
      reject(new Error(`The serving process of this host ended (${signal ?? `exit code ${code}`}).`));
    this.#waiting.clear();
    if (this.#stopping) return;
    this.#shortLives = livedMs < healthyAfterMs ? this.#shortLives + 1 : 0;
    this.#options.logger.error({ code, signal, livedMs: Math.round(livedMs) }, 'the serving process died; starting another');
    this.#up = this.#restart();
    this.#up.then(
      () => this.#afterStart(),
      // Its exit brings the next attempt.
      () => this.#child?.kill('SIGKILL'),
    );
  }

  async #restart(): Promise<Ports> {
    if (this.#shortLives > 1) await sleep(Math.min(maxRestartDelayMs, 250 * 2 ** this.#shortLives));
    if (this.#stopping) throw new Error('The host is stopping.');
    return this.#launch();
  }

  #send<K extends CommandName>(command: K, input: ServingCommands[K]['input']): Promise<ServingCommands[K]['result']> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      // The reply to a command carries that command's result.
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      const message: CommandMessage<K> = { id, command, input };
      const failed = (error: Error | null) => {
        if (error && this.#waiting.delete(id)) reject(error);
      };
      if (this.#child?.connected) this.#child.send(message, failed);
      else failed(new Error('The serving process of this host ended.'));
    });
  }

  #receive(message: ReplyMessage): void {
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    if (message.ok) waiting.resolve(message.result);
    else if (message.type) waiting.reject(new AnnealError(message.type, message.message, message.details));
    else waiting.reject(Object.assign(new Error(message.message), { code: message.code, listener: message.listener }));
  }
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
