import { AnnealError } from '../contracts/failures.js';
import type { ExecutorData } from './executor-messages.js';
import { loadFailed, messageOf } from './load-failed.js';
import type { RunnerLink } from './runner-link.js';
import { RunnerDiedError, type Runner } from './runner.js';
import type { Batch, BatchOutputs } from './tensors.js';

/** An image that was opened once within milliseconds and now takes this long is taken for stuck. */
const openTimeoutMs = 60_000;

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
    return new LinkedRunner(link, idle);
  }

  get pid(): number | undefined {
    return this.link.pid;
  }

  async run(batch: Batch): Promise<BatchOutputs> {
    const reply = await this.link.ask({ kind: 'run', batch });
    if (reply.kind === 'outputs') return reply.outputs;
    throw new Error(reply.kind === 'error' ? reply.message : 'The executor gave an answer to something else.');
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
  const late = new Promise<never>((_resolve, reject) => {
    const what = `it was not opened within ${openTimeoutMs / 1000} seconds. Look for a machine short of memory.`;
    timer = setTimeout(() => reject(loadFailed(what)), openTimeoutMs);
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
