import { rmSync } from 'node:fs';
import { inspect } from 'node:util';
import { endWithParent } from '../../child/end-with-parent.js';
import type { MetricPoint } from '../../../contracts/training.js';
import { toFailureMessage } from '../../child/failure-message.js';
import { moduleFailure, problemOf } from '../../models/module/module-failure.js';
import { placeOf } from '../../models/module/source-place.js';
import { runTrainingJob } from './run-job.js';
import type { ChildMessage, JobProgress, ParentMessage, TrainingJob } from './training-job.js';

/*
 * The process that trains: one job after the other, by messages from its parent. Started by `TrainingChildren`.
 * It writes into the job's directory alone and ends by itself when the parent is gone.
 */

const progressEveryMs = 100;
const curveEveryMs = 1000;
const aliveEveryMs = 5000;

let running: { readonly job: TrainingJob; readonly controller: AbortController } | undefined;

function tell(message: ChildMessage, onSent: () => void = () => {}): void {
  // With a callback, a parent that has just gone is no uncaught error; `disconnect` follows.
  process.send?.(message, () => onSent());
}

async function run(job: TrainingJob): Promise<void> {
  const controller = new AbortController();
  running = { job, controller };
  const aliveTimer = setInterval(() => tell({ kind: 'alive' }), aliveEveryMs);
  let told = -Infinity;
  let untold: JobProgress | undefined;
  const tellProgress = (progress: JobProgress): void => {
    untold = undefined;
    told = performance.now();
    tell({ kind: 'progress', progress });
  };
  let curveTold = performance.now();
  let curve: readonly MetricPoint[] | undefined;
  const tellCurve = (points: readonly MetricPoint[]): void => {
    if (points === curve || performance.now() - curveTold < curveEveryMs) return;
    curve = points;
    curveTold = performance.now();
    tell({ kind: 'curve', points });
  };
  try {
    const outcome = await runTrainingJob(job, {
      signal: controller.signal,
      onBuilding: (module) => new Promise((resolve) => tell({ kind: 'building', module }, resolve)),
      onBuilt: () => tell({ kind: 'built' }),
      onProgress: (progress, points) => {
        tellCurve(points);
        if (performance.now() - told >= progressEveryMs) tellProgress(progress);
        else untold = progress;
      },
      onCheckpoint: (path, step) => tell({ kind: 'checkpoint', path, step }),
    });
    if (untold) tellProgress(untold);
    tell({ kind: 'done', outcome });
  } catch (error) {
    if (controller.signal.aborted && error === controller.signal.reason) tell({ kind: 'cancelled' });
    else tell(toFailureMessage(error));
  } finally {
    clearInterval(aliveTimer);
    running = undefined;
  }
}

process.on('message', (message: ParentMessage) => {
  switch (message.kind) {
    case 'run':
      void run(message.job);
      break;
    case 'cancel':
      running?.controller.abort(new Error('cancelled'));
      break;
  }
});

// A promise that nobody awaits comes here as well.
process.on('uncaughtException', (error) => {
  const model = running?.job.request.model;
  const module = model?.family === 'module' ? model.module : undefined;
  if (module !== undefined && placeOf(error, module) !== undefined) {
    const problem = `threw outside of its own run: ${problemOf(error, module)}`;
    tell(toFailureMessage(moduleFailure(module, problem, 'Wait for what it begins, or leave it out.', error)), () => process.exit(1));
    return;
  }
  process.stderr.write(`${inspect(error)}\n`, () => process.exit(1));
});

endWithParent();
process.on('disconnect', () => {
  if (running) rmSync(running.job.directory, { recursive: true, force: true });
  process.exit(0);
});

// Ctrl-C and service managers reach the whole process group; the parent decides what happens then.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
