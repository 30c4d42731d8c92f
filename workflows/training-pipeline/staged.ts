import { figure } from '../../contracts/figure.js';
import type { Metrics } from '../../contracts/pipeline/metrics.js';
import type { StageName } from '../../contracts/training-pipeline.js';

/** Runs a stage of the pipeline and records it; what `work` returns is its summary. */
export type RunStage = (name: StageName, work: () => Promise<string>) => Promise<void>;

/** Runs a stage that has a result, with a summary made of it. */
export type StageWithResult = <T>(name: StageName, work: () => Promise<T>, summarize: (result: T) => string) => Promise<T>;

export function stagedBy(stage: RunStage): StageWithResult {
  return async (name, work, summarize) => {
    let result: Awaited<ReturnType<typeof work>>;
    await stage(name, async () => {
      result = await work();
      return summarize(result);
    });
    return result!;
  };
}

/** 1234567 → "1,234,567". */
export function count(value: number): string {
  return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `auc 0.7384` */
export function metricText(metrics: Metrics, name: keyof Metrics): string {
  return `${name} ${figure(metrics[name], 'n/a')}`;
}
