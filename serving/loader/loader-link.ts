import { fork, type ChildProcess } from 'node:child_process';
import { AnnealError } from '../../contracts/failures.js';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import { largePages } from '../../ml/train/child/large-pages.js';
import type { Placement } from '../executors/placement.js';
import { loadFailed } from './load-failed.js';
import type { PreparedVersion } from './prepared-version.js';
import { silence, type CallMessage, type PreparedMessage, type PrepareMessage, type RemoveMessage } from './loader-messages.js';
import type { VersionFiles } from './prepare-version.js';

interface Waiting {
  readonly id: number;
  readonly resolve: (prepared: PreparedVersion) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
  call?: NodeJS.Timeout;
}

/** A model that takes half as long to load as an activity may run is taken for stuck. */
const loadTimeoutMs = 5 * 60_000;
/** A process that has had nothing to do for this long is let go, with the memory that its models took. */
const idleMs = 120_000;

/** A supervisor's end of one loader process. One that takes too long is killed. */
export class LoaderLink {
  readonly #child: ChildProcess;
  #waiting: Waiting | undefined;
  #idle: NodeJS.Timeout | undefined;
  #nextId = 1;
  #isLast = false;

  constructor() {
    this.#child = fork(compiledModule(new URL('./loader-process.ts', import.meta.url)), [], {
      execArgv: [...compiledFlags],
      env: { ...process.env, ...largePages() },
    });
    this.#child.on('message', (message: PreparedMessage | CallMessage) => this.#receive(message));
    this.#child.on('error', () => undefined);
    this.#child.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      this.#fail(`the process that loaded it ended (${how}). That is a lack of memory, or a graph that onnxruntime cannot stand.`);
    });
  }

  /** Whether it takes a version. */
  get isAlive(): boolean {
    return this.#child.connected && !this.#child.killed;
  }

  get isBusy(): boolean {
    return this.#waiting !== undefined;
  }

  /** One at a time. @throws AnnealError `LoadFailed` */
  prepare(files: VersionFiles, directory: string, placement?: Placement): Promise<PreparedVersion> {
    clearTimeout(this.#idle);
    this.#child.ref();
    this.#child.channel?.ref();
    return new Promise<PreparedVersion>((resolve, reject) => {
      const what = `it was not loaded within ${loadTimeoutMs / 1000} seconds. Look for a machine short of memory.`;
      const timer = setTimeout(() => this.#giveUp(what), loadTimeoutMs);
      this.#waiting = { id: this.#nextId++, resolve, reject, timer };
      const message: PrepareMessage = { id: this.#waiting.id, files, directory, placement };
      this.#child.send(message, (error) => {
        if (error) this.#settle((waiting) => waiting.reject(error));
      });
    });
  }

  remove(paths: readonly string[]): void {
    const message: RemoveMessage = { remove: paths };
    this.#child.send(message, () => undefined);
  }

  /** It gets nothing more, and ends when it has done what it has. */
  end(): void {
    this.#isLast = true;
    clearTimeout(this.#idle);
    if (!this.#waiting && this.#child.connected) this.#child.disconnect();
  }

  /** End it, whatever it does. */
  kill(): void {
    clearTimeout(this.#idle);
    this.#child.kill('SIGKILL');
  }

  #receive(message: PreparedMessage | CallMessage): void {
    const waiting = this.#waiting;
    if (message.id !== waiting?.id) return;
    if ('callLimitMs' in message) {
      const { callLimitMs } = message;
      const what = `a call with its golden rows did not come to an end within ${callLimitMs / 1000} seconds, and its process was killed. Look for a loop of the graph without an end; if its rows are meant to take as long, set serving.executeTimeoutSeconds of the pipeline.`;
      clearTimeout(waiting.call);
      waiting.call = setTimeout(() => this.#giveUp(what), callLimitMs * (1 + silence));
      return;
    }
    this.#settle(({ resolve, reject }) => {
      if (message.ok) resolve(message.prepared);
      else reject(message.type ? new AnnealError(message.type, message.message) : new Error(message.message));
    });
  }

  #giveUp(what: string): void {
    this.#child.kill('SIGKILL');
    this.#fail(what);
  }

  #fail(what: string): void {
    this.#settle((waiting) => waiting.reject(loadFailed(what)));
  }

  #settle(action: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    clearTimeout(waiting.timer);
    clearTimeout(waiting.call);
    action(waiting);
    if (this.#isLast) {
      this.end();
      return;
    }
    this.#child.unref();
    this.#child.channel?.unref();
    this.#idle = setTimeout(() => this.end(), idleMs);
    this.#idle.unref();
  }
}
