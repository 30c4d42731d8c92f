import type { InferenceSession } from 'onnxruntime-node';
import { answerJobs } from '../child/answer-jobs.js';
import { openModel } from '../export/run-model.js';
import { scorePartition } from './score-partition.js';
import type { ScoringJob } from './scoring-job.js';

/* A process that predicts partitions, one after the other; started by `ScoringPool`, ends with it or with its parent. */

let held: { readonly key: string; readonly session: InferenceSession } | undefined;

/** The model of the job before is often that of this one. */
async function modelOf({ model, threads }: ScoringJob): Promise<InferenceSession> {
  const key = `${model.sha256} ${threads}`;
  if (held?.key === key) return held.session;
  await held?.session.release();
  held = undefined;
  held = { key, session: await openModel(model.path, threads) };
  return held.session;
}

answerJobs(async (job: ScoringJob, onRows) => scorePartition(job, await modelOf(job), onRows));
