import type { InferenceSession } from 'onnxruntime-node';
import { toFailureMessage } from '../child/failure-message.js';
import { openModel } from '../export/run-model.js';
import { scorePartition } from './score-partition.js';
import type { ScoringJob, ScoringMessage } from './scoring-job.js';

/* A process that predicts partitions, one after the other; started by `ScoringPool`, ends with it or with its parent. */

const progressEveryMs = 500;
let held: { readonly key: string; readonly session: InferenceSession } | undefined;

function tell(message: ScoringMessage): void {
  process.send?.(message, () => {});
}

/** The model of the job before is often that of this one. */
async function modelOf({ model, threads }: ScoringJob): Promise<InferenceSession> {
  const key = `${model.sha256} ${threads}`;
  if (held?.key === key) return held.session;
  await held?.session.release();
  held = undefined;
  held = { key, session: await openModel(model.path, threads) };
  return held.session;
}

async function run(job: ScoringJob): Promise<void> {
  let told = 0;
  try {
    const scored = await scorePartition(job, await modelOf(job), (rows, totalRows) => {
      if (performance.now() - told < progressEveryMs) return;
      told = performance.now();
      tell({ kind: 'progress', rows, totalRows });
    });
    tell({ kind: 'done', scored });
  } catch (error) {
    tell(toFailureMessage(error));
  }
}

process.on('message', (job: ScoringJob) => void run(job));
process.on('disconnect', () => process.exit(0));
// Ctrl-C and service managers reach the whole process group; the parent decides what happens then.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
