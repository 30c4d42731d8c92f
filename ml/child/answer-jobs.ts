import { endWithParent } from './end-with-parent.js';
import { toFailureMessage } from './failure-message.js';
import type { JobMessage, OnRows } from './job-messages.js';

const progressEveryMs = 500;

/**
 * Run the jobs that the parent of this process gives it (`askChild`), one after the other, and tell it how far they are and what came
 * of them. The process ends with its parent.
 */
export function answerJobs<Job, Result>(run: (job: Job, onRows: OnRows) => Promise<Result>): void {
  const tell = (message: JobMessage<Result>): void => void process.send?.(message, () => {});

  async function answer(job: Job): Promise<void> {
    let told = 0;
    try {
      const result = await run(job, (rows, totalRows, readShare) => {
        if (performance.now() - told < progressEveryMs && rows < totalRows) return;
        told = performance.now();
        tell({ kind: 'progress', rows, totalRows, readShare });
      });
      tell({ kind: 'done', result });
    } catch (error) {
      tell(toFailureMessage(error));
    }
  }

  process.on('message', (job: Job) => void answer(job));
  endWithParent();
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C and service managers reach the whole process group; the parent decides what happens then.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
}
