import { toError } from './failure-message.js';
import type { JobMessage, OnRows } from './job-messages.js';
import { SilenceWatch } from './silence-watch.js';
import { childDeath, type TypescriptChild } from './typescript-child.js';

/** A job that tells nothing for longer than this hangs; some tell nothing until they are through. */
const longestSilenceMs = 30 * 60_000;

/**
 * Give a child process a job (`answerJobs` runs there) and wait for its result. The child is killed when that is not what comes of it;
 * else it lives on, and may be asked again.
 *
 * @param name of the job, for people, at the beginning of a sentence: "The evaluation"
 * @param silenceLimitMs how long nothing may be heard of the child
 * @throws the child's error, an `AnnealError` if it was one; `Error` when the process died or hangs, so a retry may help; the signal's
 *   reason as soon as it is aborted
 */
export async function askChild<Result>(
  child: TypescriptChild,
  name: string,
  job: object,
  onRows: OnRows,
  signal: AbortSignal | undefined,
  silenceLimitMs = longestSilenceMs,
): Promise<Result> {
  const kill = (): void => void child.process.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  let isDone = false;
  let silence: SilenceWatch | undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      const watch = (silence = new SilenceWatch(silenceLimitMs, () => reject(silent(name, silenceLimitMs))));
      child.process.on('message', (message: JobMessage<Result>) => {
        watch.heard();
        switch (message.kind) {
          case 'progress':
            onRows(message.rows, message.totalRows, message.readShare);
            break;
          case 'done':
            isDone = true;
            resolve(message.result);
            break;
          case 'failed':
            reject(toError(message));
            break;
        }
      });
      child.process.on('error', reject);
      child.process.on('close', (code, how) => {
        reject(signal?.aborted ? (signal.reason as Error) : new Error(`${name} ${childDeath(child, code, how).text} It is tried again.`));
      });
      child.process.send(job, () => {});
    });
  } finally {
    silence?.end();
    signal?.removeEventListener('abort', kill);
    for (const event of ['message', 'error', 'close']) child.process.removeAllListeners(event);
    child.process.on('error', () => {});
    // What has failed may have left the process in any state.
    if (!isDone || signal?.aborted) kill();
  }
}

function silent(name: string, limitMs: number): Error {
  return new Error(`${name} gave no sign of life for ${limitMs / 60_000} minutes, and was ended: its process hangs. It is tried again.`);
}
