import { figure } from '../../contracts/figure.js';
import type { MetricName } from '../../contracts/pipeline.js';
import type { SweepStatus } from '../../contracts/training-pipeline.js';
import type { TrainProgress } from '../../contracts/training.js';
import { count, duration } from '../output.js';
import type { Idle, Setback } from './run-snapshot.js';

/** `epoch 2/5, step 1,200/4,900, loss 0.5123, auc 0.7131, 312,000 rows/s, ETA 12.0 s` */
export function trainingText(progress: TrainProgress, metric: MetricName): string {
  const validation = progress.validation?.[metric];
  return [
    `epoch ${progress.epoch}/${progress.epochs}`,
    `step ${count(progress.step)}/${count(progress.totalSteps)}`,
    `loss ${figure(progress.loss)}`,
    ...(validation === undefined ? [] : [`${metric} ${figure(validation)}`]),
    `${count(progress.rowsPerSecond)} rows/s`,
    `ETA ${duration(progress.etaSeconds * 1000)}`,
  ].join(', ');
}

/** Best value on the validation part so far, e.g. `best auc 0.7041 (trial 3)`. */
export function bestTrialText(sweep: SweepStatus): string | undefined {
  const best = sweep.trials.find(({ trial }) => trial === sweep.best);
  return best?.metric === undefined ? undefined : `best ${sweep.primaryMetric} ${figure(best.metric)} (trial ${best.trial})`;
}

/** `trial 1: trainModel failed and is tried again (2 attempts so far): the disk is full` */
export function setbackText({ trial, activity, failedAttempts, reason }: Setback): string {
  const attempts = failedAttempts === 1 ? '1 attempt' : `${failedAttempts} attempts`;
  return `${placeText({ trial })}${activity} failed and is tried again (${attempts} so far): ${reason}`;
}

/** `trial 1: waiting for a worker: nothing heard for 7 s from the one that runs trainModel` */
export function idleText({ trial, fold, activity, lacks, seconds }: Idle): string {
  // Whether others train in the slots there are is not known here.
  if (lacks === 'worker' && activity === 'trainModel')
    return `${placeText({ trial, fold })}waiting for a training slot for ${seconds} s: all are taken by other trainings, or no training worker runs`;
  const found =
    lacks === 'worker'
      ? `none has taken ${activity} for ${seconds} s`
      : `nothing heard for ${seconds} s from the one that runs ${activity}`;
  return `${placeText({ trial, fold })}waiting for a worker: ${found}`;
}

function placeText({ trial, fold }: Pick<Idle, 'trial' | 'fold'>): string {
  if (trial !== undefined) return `trial ${trial}: `;
  return fold === undefined ? '' : `fold ${fold}: `;
}
