import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeCheckpoint, parametersDigest, type Checkpoint } from '../checkpoint/checkpoint.js';
import { networkOf } from '../../models/build-network.js';
import { loadModule } from '../../models/module/load-module.js';
import { recordNetwork } from '../../models/module/recorded-network.js';
import { codeVersion } from '../code-version.js';
import type { StepPlan } from '../engine.js';
import { predictHeldOut } from '../rows/held-out.js';
import { type JobData, openJobData } from '../rows/job-data.js';
import { train, type RunState } from '../trainer.js';
import type { MetricPoint } from '../../../contracts/training.js';
import type { JobOutcome, JobProgress, TrainingJob } from './training-job.js';
import { planDigest } from '../training-plan.js';
import { chooseEngine } from './choose-engine.js';

export interface JobCallbacks {
  readonly signal: AbortSignal;
  /** Awaited: what runs next may never come to its end. @param module as the pipeline names it */
  onBuilding?(module: string): Promise<void>;
  onBuilt?(): void;
  /** @param points the curve so far */
  onProgress(progress: JobProgress, points: readonly MetricPoint[]): void;
  /** A complete file in the job's directory. */
  onCheckpoint(path: string, step: number): void;
}

/**
 * Do one training job in this process. Blocks the thread for up to half a second at a time.
 *
 * @throws AnnealError as `createTrainingPlan`, `loadModule`, `recordNetwork`, the engine and `train` do; the signal's reason when it was aborted
 */
export async function runTrainingJob(job: TrainingJob, callbacks: JobCallbacks): Promise<JobOutcome> {
  const data = await openJobData(job);
  try {
    return await runWithData(job, callbacks, data);
  } finally {
    await data.close();
  }
}

async function runWithData(job: TrainingJob, callbacks: JobCallbacks, data: JobData): Promise<JobOutcome> {
  const startedAt = performance.now();
  const { request } = job;
  const { plan: own, validation } = data;
  const network = await recordedModule(job, own.step, callbacks);
  const untilStep = Math.min(job.untilStep ?? own.totalSteps, own.totalSteps);
  const { engine, reason, plan, resume, beganAnew } = await chooseEngine(request.training.engine, own, job.candidates, untilStep);
  const digest = planDigest(plan, engine.name);
  const durationMs = (): number => (resume?.durationMs ?? 0) + performance.now() - startedAt;

  const write = (state: RunState): string => {
    const path = join(job.directory, `step-${state.step}.checkpoint`);
    const engineUsed = { name: engine.name, reason };
    const ofRun = { key: job.key, digest, plan: plan.step, engine: engineUsed, durationMs: durationMs(), ...network };
    writeAtomically(path, encodeCheckpoint({ ...state, ...ofRun }));
    return path;
  };

  const session = await engine.open(plan.step, data.initial, own.step.threads);
  const rows = data.trainingRows(session);
  try {
    const { state, stopped, rowsPerSecond, resumedAtStep } = await train({
      plan,
      session,
      rows,
      validation,
      resume,
      untilStep,
      checkpointEveryMs: request.training.checkpointEverySeconds * 1000,
      signal: callbacks.signal,
      onProgress: callbacks.onProgress.bind(callbacks),
      onCheckpoint: async (saved) => callbacks.onCheckpoint(write(saved), saved.step),
    });
    // A run that is finished has validated at its last step.
    const best = state.best!;
    const last = write(state);
    const heldOut = job.heldOut && (await data.openSlices(job.heldOut));
    const heldOutFile = heldOut && (await predictHeldOut(session, plan, { best, state: state.state }, heldOut, job.directory));
    return {
      checkpoint: last,
      ...(heldOutFile ? { heldOut: heldOutFile } : {}),
      result: {
        step: state.step,
        epoch: Math.ceil(state.step / plan.stepsPerEpoch),
        validation: best.metrics,
        ...(best.threshold === undefined ? {} : { threshold: best.threshold }),
        history: state.history.points,
        stopped,
        engine: { name: engine.name, reason },
        digest,
        codeVersion,
        parametersDigest: parametersDigest(best.parameters),
        parameters: best.parameters.length,
        rowsPerSecond,
        durationMs: durationMs(),
        resumedAtStep,
        ...(beganAnew === undefined ? {} : { beganAnew }),
      },
    };
  } finally {
    await rows.close?.();
    await session.dispose();
  }
}

/**
 * Load a user's module, and look whether what it gives can be exported, before time goes into its training.
 *
 * @returns its part of the checkpoints; nothing for a built-in family
 */
async function recordedModule(
  { module, directory }: TrainingJob,
  plan: StepPlan,
  callbacks: JobCallbacks,
): Promise<Pick<Checkpoint, 'network'>> {
  if (plan.model.family !== 'module') return {};
  await callbacks.onBuilding?.(plan.model.module);
  await loadModule(plan.model, module, directory);
  const network = recordNetwork(networkOf(plan));
  callbacks.onBuilt?.();
  return { network };
}

/** A file of this name is whole, also when the process dies meanwhile. */
function writeAtomically(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.tmp`, bytes);
  renameSync(`${path}.tmp`, path);
}
