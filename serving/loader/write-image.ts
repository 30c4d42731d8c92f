import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { freeBytesAt } from '../../ml/disk-full.js';
import { clauseOf, loadFailed } from './load-failed.js';
import { sessionOptions, type PreparedImage } from './prepared-version.js';
import { checkVerified, hashNew, type LocalFile } from './verified-file.js';

/**
 * Optimize a model for this machine, and write it down in onnxruntime's own format. Blocks the thread.
 *
 * @param stem of the image's path, which goes on with the beginning of its digest
 * @throws AnnealError `LoadFailed` when the file is not the verified one, or onnxruntime refuses it
 */
export async function writeImage(model: LocalFile, stem: string): Promise<PreparedImage> {
  const temporary = `${stem}.${randomUUID()}.tmp`;
  const session = await optimize(model, temporary);
  try {
    const { sha256, sizeBytes, ...hashed } = hashNew(temporary);
    // Two preparations of one model differ in some bytes: each keeps a file of its own.
    const path = `${stem}.${sha256.slice(0, 16)}.ort`;
    await rename(temporary, path);
    return { path, sha256, hashed, sizeBytes };
  } finally {
    await rm(temporary, { force: true });
    await session.release();
  }
}

/**
 * Open a model by its file, which is less to read, hold and copy than its bytes.
 *
 * @param image takes the optimized graph
 * @throws AnnealError `LoadFailed`
 */
async function optimize(model: LocalFile, image: string): Promise<InferenceSession> {
  const confirm = checkVerified('model', model);
  // A graph may name files beside its own for its weights: here are none.
  const alone = `${image}.model`;
  let session: InferenceSession;
  try {
    await mkdir(alone);
    const path = join(alone, 'model.onnx');
    await linkOrCopy(model.path, path);
    session = await InferenceSession.create(path, {
      ...sessionOptions(1),
      graphOptimizationLevel: 'all',
      optimizedModelFilePath: image,
      extra: { session: { save_model_format: 'ORT', disable_prepacking: '1' } },
    });
  } catch (error) {
    const [freeBytes, neededBytes] = [await freeBytesAt(dirname(image)), await sizeOf(model.path)];
    await rm(image, { force: true });
    if (freeBytes !== undefined && freeBytes < neededBytes)
      throw loadFailed(
        `its image cannot be written to ${dirname(image)}: ${freeBytes} bytes are free there, and the model alone has ${neededBytes}. Free some space, or set ANNEAL_HOME to a larger disk.`,
        error,
      );
    throw loadFailed(`onnxruntime does not accept its graph: ${clauseOf(error)}. Export the model again.`, error);
  } finally {
    await rm(alone, { recursive: true, force: true });
  }
  try {
    confirm();
    return session;
  } catch (error) {
    await session.release();
    await rm(image, { force: true });
    throw error;
  }
}

/** Another disk, and some file systems, take no link. */
export async function linkOrCopy(from: string, to: string): Promise<'linked' | 'copied'> {
  try {
    await link(from, to);
    return 'linked';
  } catch {
    await copyFile(from, to);
    return 'copied';
  }
}

/** @returns 0 of a file that is not there */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  return found?.size ?? 0;
}
