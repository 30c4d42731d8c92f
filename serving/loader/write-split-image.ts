import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashNew, readVerified, type LocalFile } from './verified-file.js';
import type { PreparedImage } from './prepared-version.js';
import { splitWeights } from './split-weights.js';
import { linkOrCopy } from './write-image.js';

/** A smaller model is optimized once and written down whole, which takes a few milliseconds. */
const leastSplitBytes = 4 << 20;
/** What is left in the graph is read by everyone who opens it. */
const mostInsideBytes = 4 << 20;

/**
 * Make an image of a large model that shares the weights with the model's own file, so that none is written: 4 ms to open it, and 20 of
 * the processor's to make it, where it takes 130 to write 40 MB in onnxruntime's format. Whoever opens it optimizes the graph.
 *
 * Blocks the thread. Leaves nothing behind where it fails.
 *
 * @param stem of the directory that holds graph and weights
 * @returns undefined where the model is small, or its weights cannot stay as they lie
 * @throws AnnealError `LoadFailed` when the file is not the verified one; Error of the system, or when the bytes are no model
 */
export async function writeSplitImage(model: LocalFile, stem: string): Promise<PreparedImage | undefined> {
  if ((await stat(model.path)).size < leastSplitBytes) return undefined;
  const bytes = readVerified('model', model);
  const graph = splitWeights(bytes, 'weights.onnx');
  if (!graph || graph.byteLength > mostInsideBytes) return undefined;
  // A directory of its own: a graph reads no files but those beside it.
  const directory = `${stem}.${randomUUID()}.split`;
  try {
    await mkdir(directory);
    const [path, weightsPath] = [join(directory, 'graph.onnx'), join(directory, 'weights.onnx')];
    await writeFile(path, graph);
    const weights = await shareWeights(model, weightsPath);
    const sha256 = createHash('sha256').update(graph).digest('hex');
    return { path, sha256, sizeBytes: graph.byteLength + bytes.byteLength, weights };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Delete an image that nobody opens. */
export async function removeSplitImage({ path }: PreparedImage): Promise<void> {
  await rm(dirname(path), { recursive: true, force: true });
}

/** The image outlives the file that it was made of, which goes when another version comes. */
async function shareWeights(model: LocalFile, path: string): Promise<LocalFile> {
  if ((await linkOrCopy(model.path, path)) === 'linked') return { ...model, path };
  const { sha256, stamp, atMs } = hashNew(path);
  return { path, sha256: model.sha256, ...(sha256 === model.sha256 ? { hashed: { stamp, atMs } } : {}) };
}
