import type { MetricName } from '../../contracts/pipeline.js';
import type { SweepStatus } from '../../contracts/training-pipeline.js';
import type { TrainProgress } from '../../contracts/training.js';
import { count, duration } from '../output.js';
import type { Setback } from './run-snapshot.js';

/** `learningRate 0.0021, hidden [128,64]` */
export function parametersText(parameters: Readonly<Record<string, unknown>>): string {
  return Object.entries(parameters)
    .map(([path, value]) => `${path.split('.').pop()} ${typeof value === 'number' ? shortNumber(value) : JSON.stringify(value)}`)
    .join(', ');
}

/** Four significant digits. */
export function shortNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

/** `epoch 2/5, step 1,200/4,900, loss 0.5123, auc 0.7131, 312,000 rows/s, ETA 12.0 s` */
export function trainingText(progress: TrainProgress, metric: MetricName): string {
  const validation = progress.validation?.[metric];
  return [
    `epoch ${progress.epoch}/${progress.epochs}`,
    `step ${count(progress.step)}/${count(progress.totalSteps)}`,
    `loss ${progress.loss.toFixed(4)}`,
    ...(validation === undefined ? [] : [`${metric} ${validation.toFixed(4)}`]),
    `${count(progress.rowsPerSecond)} rows/s`,
    `ETA ${duration(progress.etaSeconds * 1000)}`,
  ].join(', ');
}

/** Best value on the validation part so far, e.g. `best auc 0.7041 (trial 3)`. */
export function bestTrialText(sweep: SweepStatus): string | undefined {
  const best = sweep.trials.find(({ trial }) => trial === sweep.best);
  return best?.metric === undefined ? undefined : `best ${sweep.primaryMetric} ${best.metric.toFixed(4)} (trial ${best.trial})`;
}

/** `trial 1: trainModel failed and is tried again (2 attempts so far): the disk is full` */
export function setbackText({ trial, activity, failedAttempts, reason }: Setback): string {
  const where = trial === undefined ? '' : `trial ${trial}: `;
  const attempts = failedAttempts === 1 ? '1 attempt' : `${failedAttempts} attempts`;
  return `${where}${activity} failed and is tried again (${attempts} so far): ${reason}`;
}
