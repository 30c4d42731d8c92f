import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FittedTransform } from '../../contracts/dataset.js';
import type { TrainingProfile } from '../../contracts/training-profile.js';
import { decodeCheckpoint } from '../train/checkpoint/checkpoint.js';
import type { ExportedFiles, ExportJob } from './export-job.js';
import { exportModel } from './export-model.js';

/**
 * Do one export in this process. Blocks the thread for as long as a pass of the network through eager TensorFlow.js takes.
 *
 * @throws AnnealError as `exportModel` does; `ArtifactCorrupt` when the checkpoint cannot be read
 */
export async function runExportJob({
  transformPath,
  profilePath,
  checkpointPath,
  directory,
  ...source
}: ExportJob): Promise<ExportedFiles> {
  const { model, ...described } = await exportModel({
    ...source,
    transform: await readJson<FittedTransform>(transformPath),
    profile: profilePath === undefined ? undefined : await readJson<TrainingProfile>(profilePath),
    checkpoint: decodeCheckpoint(await readFile(checkpointPath)),
    scratchRoot: directory,
  });
  const path = join(directory, 'model.onnx');
  await writeFile(path, model);
  return { model: path, ...described };
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}
