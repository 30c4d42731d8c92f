import type { PreparedDataset } from '../../contracts/dataset.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { primaryMetric } from '../../contracts/pipeline/primary-metric.js';
import type { SweepResult } from '../../contracts/training-pipeline.js';
import type { MetricPoint, TrainResult } from '../../contracts/training.js';
import { training } from '../proxies.js';
import { didBetter } from './did-better.js';
import type { RunRecord } from './run-record.js';
import { count, metricText, type StageWithResult } from './staged.js';

/** Below this many steps a network has hardly moved from where it began. */
const fewSteps = 100;

interface TrainContext {
  readonly prepared: PreparedDataset;
  /** Of the search, where there was one. */
  readonly best?: SweepResult['best'];
  readonly key: string;
  readonly staged: StageWithResult;
  readonly record: RunRecord;
}

export interface Trained {
  readonly training: TrainResult;
  /** Of the training, where the model of a trial is kept in place of its own. */
  readonly curve?: readonly MetricPoint[];
}

/**
 * Train the chosen configuration as long as the pipeline says. Where the trial that found it did better on the same validation
 * rows, within its fewer steps, the trial's model is the result.
 */
export async function train(spec: PipelineSpec, { prepared, best, key, staged, record }: TrainContext): Promise<Trained> {
  const metric = primaryMetric(spec);
  const isSameRows = prepared.rows.validation <= (spec.sweep?.validationRows ?? 0);
  let kept: TrainResult | undefined;
  const trained = await staged(
    'train',
    () =>
      training.trainModel.executeWithOptions({ summary: `${spec.model.family}, ${spec.training.epochs} epochs` }, [
        {
          key,
          prepared: prepared.manifest,
          model: spec.model,
          training: spec.training,
          primaryMetric: metric,
          // By its names: MLflow may still be starting.
          page: { pipeline: spec.name, workflowId: key },
        },
      ]),
    (result) => {
      if (result.beganAnew !== undefined) record.warn(result.beganAnew);
      if (result.step < fewSteps) record.warn(fewStepsWarning(result.step));
      const wanted = spec.training.engine;
      if (wanted === 'auto' && result.engine.name !== 'onnxruntime')
        record.warn(`Trained on ${result.engine.name}: ${result.engine.reason}`);
      const said = `${metricText(result.validation, metric)} on validation, ${count(result.step)} steps, ${count(Math.round(result.rowsPerSecond))} rows/s on ${result.engine.name}`;
      if (!isSameRows || !best?.training || !didBetter(best.training, result, metric)) return said;
      kept = best.training;
      return `${said}; trial ${best.trial} did better with ${count(kept.step)} steps (${metricText(kept.validation, metric)}), and its model is kept`;
    },
  );
  return kept ? { training: kept, curve: trained.history } : { training: trained };
}

function fewStepsWarning(steps: number): string {
  return `The training had only ${steps} steps; a smaller training.batchSize or more training.epochs will fit the data better.`;
}
