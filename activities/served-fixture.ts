import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { EvaluateInput, EvaluationResult, ExportInput } from '../contracts/activities.js';
import type { EvaluationReport, GoldenOutputs, ModelBundle, ModelManifest } from '../contracts/model.js';
import type { Prediction } from '../contracts/serving.js';
import { evaluateModel } from '../ml/evaluate/evaluate-model.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { runExportJob } from '../ml/export/run-export-job.js';
import { prepareVersion } from '../serving/loader/prepare-version.js';
import { openPrepared } from '../serving/loader/prepared-version.js';
import { toPredictions } from '../serving/predictions.js';
import type { BatchOutputs } from '../serving/tensors.js';
import type { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createEvaluateActivities } from './evaluate.js';
import { createExportActivities } from './export.js';
import type { TrainedFixture } from './trained-fixture.js';

const environment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

/** What a trained fixture becomes by the activities that export and evaluate it. */
export function exportFixture(store: FileArtifactStore, { spec, ref, checkpoint }: TrainedFixture): Promise<ModelBundle> {
  const { exportModel } = createExportActivities({ store, run: runExportJob });
  const input: ExportInput = { spec, prepared: ref, checkpoint, dataDigest: 'abc' };
  return environment().run((given: ExportInput): Promise<ModelBundle> => exportModel(given), input);
}

export async function evaluateFixture(
  store: FileArtifactStore,
  { spec, ref }: TrainedFixture,
  bundle: ModelBundle,
): Promise<EvaluationReport> {
  const activities = createEvaluateActivities({ store, run: evaluateModel });
  const input: EvaluateInput = { spec, prepared: ref, bundle };
  const result: EvaluationResult = await environment().run((given: EvaluateInput) => activities.evaluateModel(given), input);
  return store.readJson<EvaluationReport>(result.report);
}

export interface ServedGolden {
  readonly manifest: ModelManifest;
  readonly golden: GoldenOutputs;
  readonly tensors: ReturnType<typeof rowsToTensors>;
  readonly computed: BatchOutputs;
  readonly predictions: readonly Prediction[];
}

/** The golden rows of an exported model as a host predicts them. @param directory for what the host prepares */
export async function serveGolden(store: FileArtifactStore, bundle: ModelBundle, directory: string): Promise<ServedGolden> {
  const file = async (ref: ModelBundle['model']) => ({ path: await store.localPath(ref), sha256: ref.sha256 });
  const files = { model: await file(bundle.model), manifest: await file(bundle.manifest), golden: await file(bundle.golden) };
  const prepared = await prepareVersion(files, directory);
  const model = await openPrepared(prepared);
  try {
    const golden = await store.readJson<GoldenOutputs>(bundle.golden);
    const { manifest } = prepared;
    const tensors = rowsToTensors(manifest.inputs, golden.instances);
    const columns = manifest.inputs.map(({ name }) => tensors[name].data);
    const computed = await model.run({ rows: golden.instances.length, columns });
    return { manifest, golden, tensors, computed, predictions: toPredictions(manifest, computed) };
  } finally {
    await model.release();
  }
}
