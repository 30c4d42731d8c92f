import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCheckpoint, encodeCheckpoint, parametersDigest, type Checkpoint } from './checkpoint.js';
import { networkOf } from '../models/build-network.js';
import { loadModule } from '../models/module/load-module.js';
import { recordNetwork } from '../models/module/recorded-network.js';
import { readEncodedFiles } from './encoded-files.js';
import type { StepPlan } from './engine.js';
import { selectEngine } from './engines/index.js';
import { predictHeldOut } from './held-out.js';
import { train, type RunState } from './trainer.js';
import type { JobOutcome, JobProgress, TrainingJob } from './training-job.js';
import { createTrainingPlan, planDigest, standardizeTarget } from './training-plan.js';
import { validationSubset } from './validation.js';

export interface JobCallbacks {
  readonly signal: AbortSignal;
  onProgress(progress: JobProgress): void;
  /** A complete file in the job's directory. */
  onCheckpoint(path: string, step: number): void;
}

/**
 * Do one training job in this process. Blocks the thread for up to half a second at a time.
 *
 * @throws AnnealError as `createTrainingPlan`, `loadModule`, `recordNetwork`, the engine and `train` do; the signal's reason when it was aborted
 */
export async function runTrainingJob(job: TrainingJob, callbacks: JobCallbacks): Promise<JobOutcome> {
  const startedAt = performance.now();
  const { request } = job;
  const raw = readEncodedFiles(job.train, request.layout);
  const plan = createTrainingPlan(request, raw.target, raw.numeric);
  const trainPart = standardizeTarget(request.task, request.trainingPrior, raw);
  const validation = validationSubset(plan.step, readEncodedFiles(job.validation, request.layout), request.validationRows);

  const network = await recordedModule(job, plan.step);
  const { engine, reason } = await selectEngine(request.training.engine, plan.step);
  const digest = planDigest(plan, engine.name);
  const untilStep = Math.min(job.untilStep ?? plan.totalSteps, plan.totalSteps);
  const resume = furthestCheckpoint(job.candidates, digest, untilStep);

  const write = (state: RunState): string => {
    const path = join(job.directory, `step-${state.step}.checkpoint`);
    const engineUsed = { name: engine.name, reason };
    writeFileSync(path, encodeCheckpoint({ ...state, key: job.key, digest, plan: plan.step, engine: engineUsed, ...network }));
    return path;
  };

  const session = await engine.open(plan.step, trainPart);
  try {
    const { state, stopped, rowsPerSecond, resumedAtStep } = await train({
      plan,
      session,
      trainRows: trainPart.rows,
      trainLabels: trainPart.target,
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
    const heldOut = job.heldOut && readEncodedFiles(job.heldOut, request.layout);
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
        parametersDigest: parametersDigest(best.parameters),
        parameters: best.parameters.length,
        rowsPerSecond,
        durationMs: performance.now() - startedAt,
        resumedAtStep,
      },
    };
  } finally {
    await session.dispose();
  }
}

/**
 * Load a user's module, and look whether what it gives can be exported, before time goes into its training.
 *
 * @returns its part of the checkpoints; nothing for a built-in family
 */
async function recordedModule({ module, directory }: TrainingJob, plan: StepPlan): Promise<Pick<Checkpoint, 'network'>> {
  if (plan.model.family !== 'module') return {};
  await loadModule(plan.model, module, directory);
  return { network: recordNetwork(networkOf(plan)) };
}

/** A candidate that cannot be read costs the steps since an older one, never the run. */
function furthestCheckpoint(candidates: readonly string[], digest: string, untilStep: number): Checkpoint | undefined {
  let furthest: Checkpoint | undefined;
  for (const path of candidates) {
    try {
      const checkpoint = decodeCheckpoint(readFileSync(path));
      const isFitting = checkpoint.digest === digest && checkpoint.step <= untilStep;
      if (isFitting && isFurther(checkpoint, furthest)) furthest = checkpoint;
    } catch (error) {
      console.warn(`checkpoint ${path} is passed over: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return furthest;
}

/** Of two at the same step, the one that was validated there. */
function isFurther(checkpoint: Checkpoint, than: Checkpoint | undefined): boolean {
  if (than === undefined || checkpoint.step > than.step) return true;
  return checkpoint.step === than.step && (checkpoint.validatedAtStep ?? -1) > (than.validatedAtStep ?? -1);
}
