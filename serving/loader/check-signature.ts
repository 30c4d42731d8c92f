import type { InferenceSession } from 'onnxruntime-node';
import { modelOutputs, type ModelManifest } from '../../contracts/model.js';
import { loadFailed } from './load-failed.js';

/** @throws AnnealError `LoadFailed` that names the inputs and outputs in which graph and manifest differ */
export function checkSignature(session: InferenceSession, manifest: ModelManifest): void {
  const declared = manifest.inputs.map((input) => input.name);
  const missing = declared.filter((name) => !session.inputNames.includes(name));
  const extra = session.inputNames.filter((name) => !declared.includes(name));
  const ofValues = manifest.quantiles ? [modelOutputs.value, modelOutputs.quantiles] : [modelOutputs.value];
  const ofClasses = [modelOutputs.probabilities, manifest.task === 'multilabel' ? modelOutputs.labels : modelOutputs.classIndex];
  const predicted = manifest.task === 'regression' ? ofValues : ofClasses;
  const outputs = manifest.hasAnomaly ? [...predicted, modelOutputs.anomaly] : predicted;
  const absent = outputs.filter((name) => !session.outputNames.includes(name));
  const problems = [
    missing.length > 0 && `the graph has no input ${missing.join(', ')}, which the manifest names`,
    extra.length > 0 && `the manifest does not name the graph's input ${extra.join(', ')}`,
    absent.length > 0 && `the graph has no output ${absent.join(', ')}`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw loadFailed(`${problems.join('; ')}. Export the model again.`);
}
