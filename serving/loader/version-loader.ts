import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnnealError } from '../../contracts/failures.js';
import { typescriptExecArgv } from '../../ml/child/typescript-child.js';
import { largePages } from '../../ml/train/large-pages.js';
import { loadFailed } from '../load-failed.js';
import type { PreparedVersion } from '../prepared-version.js';
import type { PreparedMessage, PrepareMessage, RemoveMessage } from './loader-messages.js';
import { versionDigest, type VersionFiles } from './prepare-version.js';

interface Waiting {
  readonly id: number;
  readonly resolve: (prepared: PreparedVersion) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** A model that takes half as long to load as an activity may run is taken for stuck. */
const loadTimeoutMs = 5 * 60_000;
/** A process that has had nothing to do for this long is let go, with the memory that its models took. */
const idleMs = 120_000;

/**
 * Prepares versions in a process of its own, which is started when there is something to prepare. Each version is prepared once
 * a host, whatever the number of serving processes, and stays until it is forgotten.
 */
export class VersionLoader {
  readonly #prepared = new Map<string, Promise<PreparedVersion>>();
  #waiting: Waiting | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #child: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #nextId = 1;
  #closed = false;

  private constructor(private readonly directory: string) {}

  /** @param directory for the images of this process alone */
  static async open(directory: string): Promise<VersionLoader> {
    await mkdir(directory, { recursive: true });
    return new VersionLoader(directory);
  }

  /** @throws AnnealError `LoadFailed`; a version that failed is tried anew the next time */
  prepare(files: VersionFiles): Promise<PreparedVersion> {
    const key = versionDigest(files);
    let preparing = this.#prepared.get(key);
    if (!preparing) {
      preparing = this.#request(files);
      this.#prepared.set(key, preparing);
      preparing.catch(() => this.#prepared.delete(key));
    }
    return preparing;
  }

  /** The image of these files is not as it was verified. */
  forget(files: VersionFiles): void {
    this.#prepared.delete(versionDigest(files));
  }

  /** Delete the images of all models but these: soon, where the loader runs, and before this returns, where it does not. */
  async keepOnly(modelDigests: ReadonlySet<string>): Promise<void> {
    for (const key of this.#prepared.keys()) if (!modelDigests.has(key.slice(0, key.indexOf(',')))) this.#prepared.delete(key);
    const names = await readdir(this.directory);
    const unused = names.filter((name) => name.endsWith('.ort') && !modelDigests.has(name.slice(0, name.indexOf('.'))));
    const paths = unused.map((name) => join(this.directory, name));
    if (paths.length === 0) return;
    const message: RemoveMessage = { remove: paths };
    // The system takes milliseconds of the processor to delete a large file: they come after the requests' there.
    if (this.#child?.connected) this.#child.send(message, () => undefined);
    else await Promise.all(paths.map((path) => rm(path, { force: true })));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    if (this.#child?.connected) this.#child.disconnect();
  }

  /** One at a time, so that a version which ends the process takes no other along. */
  #request(files: VersionFiles): Promise<PreparedVersion> {
    const result = this.#turn.then(() => this.#send(files));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #send(files: VersionFiles): Promise<PreparedVersion> {
    if (this.#closed) return Promise.reject(new Error('The host is stopping.'));
    clearTimeout(this.#idle);
    const child = (this.#child ??= this.#start());
    child.ref();
    child.channel?.ref();
    return new Promise<PreparedVersion>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#settle((waiting) =>
          waiting.reject(loadFailed(`it was not loaded within ${loadTimeoutMs / 1000} seconds. Look for a machine short of memory.`)),
        );
        child.kill('SIGKILL');
      }, loadTimeoutMs);
      this.#waiting = { id: this.#nextId++, resolve, reject, timer };
      const message: PrepareMessage = { id: this.#waiting.id, files, directory: this.directory };
      child.send(message, (error) => {
        if (error) this.#settle((waiting) => waiting.reject(error));
      });
    });
  }

  #start(): ChildProcess {
    const child = fork(fileURLToPath(new URL('./loader-process.ts', import.meta.url)), [], {
      execArgv: [...typescriptExecArgv],
      env: { ...process.env, ...largePages() },
    });
    child.on('message', (message: PreparedMessage) => {
      if (message.id !== this.#waiting?.id) return;
      this.#settle((waiting) => {
        if (message.ok) waiting.resolve(message.prepared);
        else waiting.reject(message.type ? new AnnealError(message.type, message.message) : new Error(message.message));
      });
    });
    child.on('error', () => undefined);
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      this.#settle((waiting) =>
        waiting.reject(
          loadFailed(`the process that loaded it ended (${how}). That is a lack of memory, or a graph that onnxruntime cannot stand.`),
        ),
      );
    });
    return child;
  }

  #settle(action: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    clearTimeout(waiting.timer);
    action(waiting);
    this.#child?.unref();
    this.#child?.channel?.unref();
    this.#idle = setTimeout(() => {
      if (this.#child?.connected) this.#child.disconnect();
      this.#child = undefined;
    }, idleMs);
    this.#idle.unref();
  }
}
