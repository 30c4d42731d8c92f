import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutputTail } from '../../ml/child/output-tail.js';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import { FrameWriter, frameBytes, readFromExecutor } from './executor-frames.js';
import type { ExecutorData, ToExecutor } from './executor-messages.js';
import { IdleLinks, LinkedRunner } from './linked-runner.js';
import { RunnerLink } from './runner-link.js';
import { RunnerDiedError } from './runner.js';

const executorModule = new URL('./executor-process.ts', import.meta.url);
/** What a process wrote last may come after the news of its end, unless something of its own still holds the pipe. */
const lastWordsMs = 50;

/** A child process at the other end of a pair of Unix sockets, which is its file descriptor 3. */
class ExecutorProcess extends RunnerLink {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #output: OutputTail;
  readonly #frames = new FrameWriter();
  #received: Buffer[] = [];
  #receivedBytes = 0;

  constructor() {
    super();
    this.#child = spawn(process.execPath, [...compiledFlags, compiledModule(executorModule)], {
      stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
    });
    this.#child.on('error', (error) => this.died(new RunnerDiedError(error.message)));
    // Without file descriptors to spare Node.js tells of it by that event, and there are no pipes.
    if (this.#child.pid === undefined && !(this.#child.stdio as unknown)) throw new Error('no process can be started');
    this.#socket = this.#child.stdio[3] as Socket;
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    // Of a process that has ended, of which its exit tells.
    this.#socket.on('error', () => undefined);
    this.#output = new OutputTail(this.#child.stderr!);
    this.#child.stderr!.on('data', (text: string) => process.stderr.write(text));
    this.#child.once('exit', (exitCode, signal) => void this.#exited(exitCode, signal));
  }

  override get pid(): number | undefined {
    return this.#child.pid;
  }

  setBusy(isBusy: boolean): void {
    for (const held of [this.#child, this.#socket, this.#child.stderr as Socket]) {
      if (isBusy) held.ref();
      else held.unref();
    }
  }

  async end(): Promise<void> {
    this.watch(undefined);
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  protected kill(): void {
    this.#child.kill('SIGKILL');
  }

  protected post(message: ToExecutor): void {
    // Its memory is written again after the reply, and by then the executor has read it.
    this.#socket.write(this.#frames.write(message));
  }

  #receive(chunk: Buffer): void {
    if (this.#receivedBytes === 0 && chunk.length >= 4 && frameBytes(chunk) === chunk.length) {
      this.answered(readFromExecutor(chunk));
      return;
    }
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    const isShort = this.#received[0].length < 4;
    if (isShort) this.#received = [Buffer.concat(this.#received)];
    if (this.#receivedBytes < 4 || this.#receivedBytes < frameBytes(this.#received[0])) return;
    const frame = Buffer.concat(this.#received);
    this.#received = [];
    this.#receivedBytes = 0;
    this.answered(readFromExecutor(frame));
  }

  async #exited(exitCode: number | null, signal: NodeJS.Signals | null): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    await Promise.race([closed, sleep(lastWordsMs, undefined, { ref: false })]);
    const output = this.#output.text();
    const how = signal === null ? `its process ended with exit code ${exitCode}` : `its process was ended by signal ${signal}`;
    const { pid } = this.#child;
    const death = { pid, ...(signal === null ? { exitCode: exitCode ?? undefined } : { signal }), ...(output === '' ? {} : { output }) };
    this.died(new RunnerDiedError(how, death));
  }
}

const idle = new IdleLinks(2);
let hasCrashed = false;

/** @returns ids of the executor processes that have no version and wait for the next one */
export function idleExecutorPids(): readonly number[] {
  return idle.pids;
}

/**
 * Open and warm a version in a process that has none, or in a new one. From the first crash on one is held ready for the next: it
 * takes half a second to start, and requests wait meanwhile.
 *
 * @param onDeath called when the process ends without being asked to
 * @throws AnnealError `LoadFailed`
 */
export async function startProcessRunner(data: ExecutorData, onDeath: (error: RunnerDiedError) => void): Promise<LinkedRunner> {
  const link = idle.take() ?? new ExecutorProcess();
  const runner = await LinkedRunner.open(link, idle, data, (error) => {
    hasCrashed = true;
    onDeath(error);
  });
  if (hasCrashed && idle.pids.length === 0) await holdReady();
  return runner;
}

async function holdReady(): Promise<void> {
  try {
    await idle.put(new ExecutorProcess());
  } catch {
    // The machine has no room for one more: the next is started when it is needed, and tells then.
  }
}
