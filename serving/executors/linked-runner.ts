import { AnnealError } from '../../contracts/failures.js';
import type { ExecutorData, FromExecutor } from './executor-messages.js';
import { executeLimitMs, warmUpLimitMs } from './execute-limit.js';
import { loadFailed, messageOf } from '../loader/load-failed.js';
import type { RunnerLink } from './runner-link.js';
import { RunnerDiedError, type Runner } from './runner.js';
import type { Batch, BatchOutputs } from '../tensors.js';

/** An image that was opened once within milliseconds and now takes this long is taken for stuck. */
const openTimeoutMs = 60_000;
/**
 * Into so many parts the time of a batch is divided, and each counts once it was seen to pass: a process that was stopped, or had no
 * processor, for minutes reads the answer that has come meanwhile before it takes its executor for stuck.
 */
const watchParts = 4;

/** Executors of one kind without a version, which wait for the next one. */
export class IdleLinks {
  readonly #links: RunnerLink[] = [];

  /** @param most how many are kept */
  constructor(private readonly most: number) {}

  take(): RunnerLink | undefined {
    let link = this.#links.pop();
    while (link && !link.isAlive) link = this.#links.pop();
    return link;
  }

  /** Ids of those that are processes. */
  get pids(): number[] {
    return this.#links.flatMap(({ isAlive, pid }) => (isAlive && pid !== undefined ? [pid] : []));
  }

  async put(link: RunnerLink): Promise<void> {
    if (this.#links.length >= this.most) {
      await link.end();
      return;
    }
    link.setBusy(false);
    this.#links.push(link);
  }
}

/** An executor with a session of its own, so that neither opening nor a slow model blocks another request. */
export class LinkedRunner implements Runner {
  #closed: Promise<void> | undefined;

  private constructor(
    private readonly link: RunnerLink,
    private readonly idle: IdleLinks,
    private readonly version: ExecutorData['prepared'],
  ) {}

  /**
   * Open and warm a version in an executor.
   *
   * @param link one without a version; ended when the version does not open
   * @param idle takes the executor when the version is closed
   * @param onDeath called when the executor ends without being asked to; the batch that it held has failed by then
   * @throws AnnealError `LoadFailed`
   */
  static async open(
    link: RunnerLink,
    idle: IdleLinks,
    data: ExecutorData,
    onDeath: (error: RunnerDiedError) => void,
  ): Promise<LinkedRunner> {
    link.setBusy(true);
    try {
      await open(link, data);
    } catch (error) {
      await link.end();
      throw error;
    }
    link.watch(onDeath);
    return new LinkedRunner(link, idle, data.prepared);
  }

  get pid(): number | undefined {
    return this.link.pid;
  }

  async run(batch: Batch): Promise<BatchOutputs> {
    const limitMs = executeLimitMs(this.version, batch.rows);
    let parts = 0;
    const watch = setInterval(() => {
      if (++parts === watchParts) this.link.giveUp(this.#stuck(batch.rows, limitMs));
    }, limitMs / watchParts);
    let reply: FromExecutor;
    try {
      reply = await this.link.ask({ kind: 'run', batch });
    } finally {
      clearInterval(watch);
    }
    if (reply.kind === 'outputs') return reply.outputs;
    throw new Error(reply.kind === 'error' ? reply.message : 'The executor gave an answer to something else.');
  }

  #stuck(rows: number, limitMs: number): RunnerDiedError {
    const { pid } = this.link;
    const why = `it computed ${rows} ${rows === 1 ? 'row' : 'rows'} for longer than ${limitMs / 1000} s, and was given up`;
    return new RunnerDiedError(why, { pid, isStuck: true, ...(pid === undefined ? {} : { signal: 'SIGKILL' }) });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { link } = this;
    if (!link.isAlive) return;
    link.watch(undefined);
    await link.ask({ kind: 'close' }).catch(() => undefined);
    if (link.isAlive) await this.idle.put(link);
  }
}

/** @throws AnnealError `LoadFailed` */
async function open(link: RunnerLink, data: ExecutorData): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limitMs = Math.max(openTimeoutMs, warmUpLimitMs(data.prepared.manifest));
  const late = new Promise<never>((_resolve, reject) => {
    const what = `it was not opened within ${limitMs / 1000} seconds. Look for a machine short of memory.`;
    timer = setTimeout(() => reject(loadFailed(what)), limitMs);
  });
  try {
    const reply = await Promise.race([link.ask({ kind: 'open', data }), late]);
    if (reply.kind === 'failed') throw new AnnealError(reply.type, reply.message);
  } catch (error) {
    if (error instanceof AnnealError) throw error;
    if (!(error instanceof RunnerDiedError)) throw loadFailed(`its executor cannot be asked: ${messageOf(error)}`, error);
    const { why, death } = error;
    const words = death.output === undefined ? '' : ` It wrote last: ${death.output}`;
    throw loadFailed(`its executor crashed while it opened the version and ran its golden rows: ${why}.${words}`, error);
  } finally {
    clearTimeout(timer);
  }
}
