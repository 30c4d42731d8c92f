import type { InferenceSession } from 'onnxruntime-node';
import type { EvaluationReport } from '../../contracts/model.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { type DataSession, withDataSession } from '../data/duckdb-session.js';
import { type ModelOutputs, openModel, predictClassesWith, tensorParts } from '../export/run-model.js';
import { baselineMetrics } from './baseline.js';
import { calibrationBins } from './calibration/calibration.js';
import { championProblem } from './champion-fit.js';
import type { EvaluationJob, LocalModel } from './evaluation-job.js';
import { anomalousShares } from './metrics/anomalous-shares.js';
import { computeMetrics, labelReport, predictionConfusion, predictionWidth, type Predictions } from './metrics/metrics.js';
import { sliceMetrics } from './slices.js';
import { readTestRows } from './test-rows.js';

/**
 * Measure an exported model on the raw test rows: what a caller of the served model would have got.
 *
 * The champion sees the same rows; one that cannot is left out, with the reason in the report. Blocks the thread for
 * some milliseconds at a time.
 *
 * @param onRows called as rows have been predicted
 * @throws AnnealError `InvalidData` when there is no test row, `InvalidModel` when the model cannot be loaded or does not
 *   predict a finite number for every row
 */
export async function evaluateModel(
  job: EvaluationJob,
  onRows: (rows: number, totalRows: number) => void = () => {},
  signal?: AbortSignal,
): Promise<EvaluationReport> {
  const { model, champion, primaryMetric } = job;
  const problem = champion && championProblem(champion.manifest, model.manifest);
  const compared = problem === undefined ? champion : undefined;
  return withDataSession({ scratchRoot: job.scratchRoot, signal }, async (session) => {
    const contenders = [await open(model, job.threads), ...(compared ? [await open(compared, job.threads)] : [])];
    try {
      const { actual, slices } = await predictAll(session, job, contenders, onRows);
      const predictions = predictionsOf(contenders[0], actual);
      const { task } = predictions;
      const confusion = predictionConfusion(predictions);
      return {
        rows: actual.length,
        metrics: computeMetrics(predictions),
        baseline: baselineMetrics(task, model.manifest.trainingPrior, actual, predictions.quantiles),
        ...(compared ? { champion: { version: compared.version, metrics: computeMetrics(predictionsOf(contenders[1], actual)) } } : {}),
        ...(problem === undefined ? {} : { championSkipped: `Version ${champion?.version} was not compared: ${problem}.` }),
        ...(task === 'binary' ? { calibration: calibrationBins(predictions.predicted, actual), threshold: predictions.threshold } : {}),
        ...(confusion ? { confusion } : {}),
        ...(model.manifest.hasAnomaly ? { anomaly: anomalousShares(contenders[0].scores) } : {}),
        ...(task === 'multilabel' ? { labels: labelReport(predictions, model.manifest.classes) } : {}),
        slices: slices.flatMap((column) => sliceMetrics(predictions, column, primaryMetric)),
        primaryMetric,
      };
    } finally {
      for (const contender of contenders) await contender.session.release();
    }
  });
}

/** A model while it is measured. */
interface Contender {
  readonly model: LocalModel;
  readonly session: InferenceSession;
  /** Numbers that are kept of each row: the positive probability, all probabilities, the quantiles, or the value. */
  readonly width: number;
  predicted: Float32Array;
  /** `anomaly` [rows]; empty of a model that does not score its rows. */
  scores: Float32Array;
}

async function open(model: LocalModel, threads: number): Promise<Contender> {
  const { task, classes, quantiles } = model.manifest;
  return {
    model,
    session: await openModel(model.path, threads),
    width: predictionWidth({ task, classes: classes.length, quantiles }),
    predicted: new Float32Array(),
    scores: new Float32Array(),
  };
}

async function predictAll(
  session: DataSession,
  job: EvaluationJob,
  contenders: readonly Contender[],
  onRows: (rows: number, totalRows: number) => void,
): Promise<{ actual: Float32Array; slices: Awaited<ReturnType<typeof readTestRows>>['slices'] }> {
  const inputs = contenders.flatMap(({ model }) => model.manifest.inputs);
  const test = await readTestRows(session, job.testPath, inputs);
  if (test.totalRows === 0) {
    throw new AnnealError(
      failureTypes.invalidData,
      'The test part has no rows, so the model cannot be evaluated. Expected at least one. Widen the range of split.test, or look into the validation report for rows that were taken out.',
    );
  }
  for (const contender of contenders) {
    contender.predicted = new Float32Array(test.totalRows * contender.width);
    contender.scores = new Float32Array(contender.model.manifest.hasAnomaly ? test.totalRows : 0);
  }
  let done = 0;
  for await (const batch of test.batches) {
    for (const contender of contenders) {
      const columns = Object.fromEntries(contender.model.manifest.inputs.map((input) => [input.name, batch.column(input)]));
      for (const part of tensorParts(contender.model.manifest.layout.image, columns, batch.rows))
        keep(contender, await predictClassesWith(contender.session, part.columns), done + part.from);
    }
    done += batch.rows;
    onRows(done, test.totalRows);
  }
  return { actual: test.actual, slices: test.slices };
}

/** @param outputs of the graph for the rows from `firstRow` on */
function keep({ model, width, predicted, scores }: Contender, { values: outputs, anomaly }: ModelOutputs, firstRow: number): void {
  if (!outputs.every(Number.isFinite)) {
    throw new AnnealError(
      failureTypes.invalidModel,
      `The exported model ${model.manifest.name} predicts something that is not a finite number for a test row after row ${firstRow}. Look for extreme values in its numeric columns; bounds in the pipeline's columns keep them out.`,
    );
  }
  if (anomaly && scores.length > 0) scores.set(anomaly, firstRow);
  if (model.manifest.task !== 'binary') predicted.set(outputs, firstRow * width);
  // Both probabilities come out of the graph; the positive one is the second.
  else for (let row = 0; 2 * row < outputs.length; row++) predicted[firstRow + row] = outputs[2 * row + 1];
}

function predictionsOf({ model: { manifest }, predicted }: Contender, actual: Float32Array): Predictions {
  return {
    task: manifest.task,
    classes: manifest.classes.length,
    predicted,
    actual,
    threshold: manifest.threshold,
    quantiles: manifest.quantiles,
    thresholds: manifest.thresholds,
  };
}
