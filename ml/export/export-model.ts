import type { FittedTransform, ModelInput } from '../../contracts/dataset.js';
import { type DeclaredValues, type GoldenOutputs, type ModelManifest, modelOutputs } from '../../contracts/model.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import type { AnomalyScore, TrainingProfile } from '../../contracts/training-profile.js';
import { withDataSession } from '../data/duckdb-session.js';
import { type ImageInput, imageSize } from '../../contracts/image-input.js';
import { rowsToTensors } from '../data/read/raw-tensors.js';
import { networkOf } from '../models/build-network.js';
import { replayNetwork } from '../models/module/recorded-network.js';
import type { Checkpoint } from '../train/checkpoint/checkpoint.js';
import { canonicalJson } from '../../contracts/canonical-json.js';
import { cannotExport } from './export-failure.js';
import type { ExportJob } from './export-job.js';
import { encodeModelGraph } from './model-graph.js';
import { openModel, predictClassesWith } from './run-model.js';
import { sampleRows, type SampleRows } from './sample-rows.js';
import { checkScores, checkSkew, tolerance } from './skew-check.js';

/** Rows of the test part that the graph is compared on. */
const checkedRows = 256;
/** Convolutions in pure JavaScript, which the graph is compared with, take long. */
const checkedImages = 16;
/** So many of them become golden rows, evenly spread. */
const goldenRows = 32;
/** Golden images go wherever the version goes. */
const goldenImages = 4;
const goldenImageBytes = 262_144;

/** An export with its files read. */
export interface ExportSource extends Omit<ExportJob, 'transformPath' | 'profilePath' | 'checkpointPath' | 'directory'> {
  readonly transform: FittedTransform;
  readonly checkpoint: Checkpoint;
  /** What the training rows were like. */
  readonly profile?: TrainingProfile;
  readonly scratchRoot: string;
}

export interface ExportedModel {
  readonly model: Uint8Array;
  readonly manifest: ModelManifest;
  readonly golden: GoldenOutputs;
}

/**
 * Write the best state of a run as one ONNX graph from raw columns to the prediction, and prove that it computes what
 * was trained: raw test rows go through the graph, and through the SQL that encoded the training data, the eager
 * network and the calibration; both must agree, in the anomaly score to the bit.
 *
 * Deterministic: the same checkpoint and data give the same bytes. Takes well under a second for a small model, and blocks the thread
 * for as long as the network takes in eager TensorFlow.js.
 *
 * @throws AnnealError `InvalidModel` when the checkpoint has no validated state, does not belong to the prepared data,
 *   cannot be lowered, or when the graph predicts something else than the network
 */
export async function exportModel(source: ExportSource): Promise<ExportedModel> {
  const { checkpoint, prepared, transform } = source;
  const { plan, best } = checkpoint;
  if (!best) throw cannotExport('the checkpoint holds no state that was validated', 'Train until the end of the first epoch at least.');
  if (canonicalJson(plan.layout) !== canonicalJson(transform.layout)) {
    throw cannotExport(
      'the checkpoint was trained on features of another layout',
      'Export it with the prepared data set that it was trained on.',
    );
  }
  const { image } = transform;
  const inputs = [...transform.inputs, ...(image ? [image] : [])];
  // A module of the user's is not run here: the checkpoint has what it made.
  const network = checkpoint.network ? replayNetwork(checkpoint.network, plan.layout, plan.outputs) : networkOf(plan);
  const { parameters, calibration, threshold } = best;
  const anomaly = scoreOf(source, inputs);
  const model = encodeModelGraph(
    { transform, network, parameters, calibration, threshold, anomaly },
    { 'anneal.name': source.name, 'anneal.task': prepared.task, 'anneal.classes': JSON.stringify(prepared.classes) },
  );

  const sample = await withDataSession({ scratchRoot: source.scratchRoot }, (session) =>
    sampleRows(session, source.testPath, prepared.test.rows, transform, image ? checkedImages : checkedRows),
  );
  if (sample.instances.length === 0) {
    throw cannotExport(
      'the test part has no row to check it on',
      'Widen split.test, or look into the validation report for rows that were taken out.',
    );
  }
  const session = await openModel(model, 1);
  let outputs: Float32Array;
  let scores: Float32Array | undefined;
  try {
    ({ values: outputs, anomaly: scores } = await predictClassesWith(session, rowsToTensors(inputs, sample.instances)));
  } finally {
    await session.release();
  }
  await checkSkew(network, plan, best, sample, outputs);
  if (anomaly && scores) checkScores(transform, anomaly, sample, scores);

  return {
    model,
    manifest: {
      formatVersion: 1,
      name: source.name,
      task: prepared.task,
      classes: prepared.classes,
      ...(threshold === undefined ? {} : { threshold }),
      ...(calibration.kind === 'labels' ? { thresholds: calibration.thresholds } : {}),
      ...(calibration.kind === 'standardization' && calibration.quantiles ? { quantiles: calibration.quantiles } : {}),
      inputs,
      layout: transform.layout,
      trainingPrior: prepared.trainingPrior,
      ...(source.serving ? { serving: source.serving } : {}),
      dataDigest: source.dataDigest,
      ...(source.columns ? { declared: declaredValues(source.columns, inputs) } : {}),
      ...(source.profile ? { profile: source.profile.columns } : {}),
      ...(anomaly ? { hasAnomaly: true } : {}),
    },
    golden: goldenOutputs(
      sample,
      scores,
      goldenCount(image),
      outputs,
      calibration.kind === 'standardization' ? tolerance * calibration.scale : tolerance,
    ),
  };
}

/** @returns undefined where the graph is to have no score: nothing to score, not wanted, or a column has the output's name */
function scoreOf({ profile, serving }: ExportSource, inputs: readonly ModelInput[]): AnomalyScore | undefined {
  const isTaken = inputs.some(({ name }) => name === modelOutputs.anomaly);
  return isTaken || serving?.anomaly?.policy === 'off' ? undefined : profile?.score;
}

function declaredValues(columns: PipelineSpec['columns'], inputs: readonly ModelInput[]): Record<string, DeclaredValues> {
  const declared = inputs.map(({ name }): [string, DeclaredValues] => {
    const { min, max, allowed } = columns[name] ?? {};
    return [name, { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }), ...(allowed ? { allowed } : {}) }];
  });
  return Object.fromEntries(declared.filter(([, values]) => Object.keys(values).length > 0));
}

function goldenCount(image: ImageInput | undefined): number {
  return image ? Math.max(1, Math.min(goldenImages, Math.floor(goldenImageBytes / imageSize(image)))) : goldenRows;
}

function goldenOutputs(
  { instances }: SampleRows,
  scores: Float32Array | undefined,
  count: number,
  outputs: Float32Array,
  allowed: number,
): GoldenOutputs {
  const width = outputs.length / instances.length;
  const stride = Math.max(1, Math.floor(instances.length / count));
  // The rows that were added to the sample stand last.
  const chosen = instances.map((_, row) => row).filter((row) => row % stride === 0 || row >= instances.length - 2);
  return {
    instances: chosen.map((row) => instances[row]),
    outputs: chosen.map((row) => [...outputs.subarray(row * width, (row + 1) * width)]),
    tolerance: allowed,
    ...(scores ? { anomaly: chosen.map((row) => scores[row]) } : {}),
  };
}
