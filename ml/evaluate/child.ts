import { toFailureMessage } from '../child/failure-message.js';
import { evaluateModel } from './evaluate-model.js';
import type { EvaluationJob, EvaluationMessage } from './evaluation-job.js';

/* The process of one evaluation; started by `evaluateInChild`, ends with it or with its parent. */

const progressEveryMs = 500;

function tell(message: EvaluationMessage): void {
  process.send?.(message, () => {});
}

async function run(job: EvaluationJob): Promise<void> {
  let told = 0;
  try {
    const report = await evaluateModel(job, (rows, totalRows) => {
      if (performance.now() - told < progressEveryMs && rows < totalRows) return;
      told = performance.now();
      tell({ kind: 'progress', rows, totalRows });
    });
    tell({ kind: 'done', report });
  } catch (error) {
    tell(toFailureMessage(error));
  }
}

process.on('message', (job: EvaluationJob) => void run(job));
process.on('disconnect', () => process.exit(0));
// Ctrl-C and service managers reach the whole process group; the parent decides what happens then.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
