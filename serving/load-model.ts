import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { modelOutputs, type GoldenOutputs, type ModelManifest } from '../contracts/model.js';
import { rowsToTensors } from '../ml/data/raw-tensors.js';
import { imageRowsAtOnce } from '../ml/data/image-input.js';
import { outputWidth, sliceBatch, tileBatch, type Batch, type BatchOutputs } from './tensors.js';

export interface LocalFile {
  readonly path: string;
  readonly sha256: string;
}

/** The files of one version on this machine. */
export interface VersionFiles {
  readonly model: LocalFile;
  readonly manifest: LocalFile;
  readonly golden: LocalFile;
}

export interface LoadedModel {
  readonly manifest: ModelManifest;
  /** Largest absolute difference from the golden outputs, over all batch sizes that were tried. */
  readonly goldenDifference: number;
  run(batch: Batch): Promise<BatchOutputs>;
  release(): Promise<void>;
}

/** Batch sizes that a model is run at before a request may meet it: memory is planned, kernels are chosen. */
const warmUpBatches = [1, 32];

/**
 * Read a version from local files, check its digests, warm it up, and make it reproduce its golden outputs.
 *
 * Blocks the thread for as long as onnxruntime takes to create the session, so it belongs into a thread of its own.
 *
 * @throws AnnealError `LoadFailed` that names the file, the input or the row that is not as expected
 */
export async function loadModel(files: VersionFiles): Promise<LoadedModel> {
  const bytes = await readVerified('model', files.model);
  const manifest = parseJson<ModelManifest>('manifest', await readVerified('manifest', files.manifest));
  const golden = parseJson<GoldenOutputs>('golden outputs', await readVerified('golden outputs', files.golden));
  if (manifest.formatVersion !== 1 || !Array.isArray(manifest.inputs)) {
    throw loadFailed(
      'its manifest is not of format version 1, the only one that this host reads. Export the model again, or update the host.',
    );
  }
  const session = await createSession(bytes);
  try {
    checkSignature(session, manifest);
    const run = (batch: Batch) => runInParts(session, manifest, batch);
    const goldenDifference = await reproduceGolden(manifest, golden, run);
    return { manifest, goldenDifference, run, release: () => session.release() };
  } catch (error) {
    await session.release();
    if (error instanceof AnnealError && error.type === failureTypes.loadFailed) throw error;
    throw loadFailed(`it failed on its golden inputs: ${messageOf(error)}. Export the model again.`, error);
  }
}

async function readVerified(what: string, file: LocalFile): Promise<Uint8Array> {
  const bytes = await readFile(file.path).catch((error: unknown) => {
    throw loadFailed(`the file of its ${what} cannot be read (${messageOf(error)}). The host downloads it again on the next try.`, error);
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 === file.sha256) return bytes;
  throw loadFailed(
    `the file of its ${what} has the SHA-256 ${sha256}, expected ${file.sha256}. It was damaged on this machine; the host downloads it again on the next try.`,
  );
}

function parseJson<T>(what: string, bytes: Uint8Array): T {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as T | null;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Not JSON at all: told below.
  }
  throw loadFailed(`its ${what} should be a JSON object and is not. Export the model again.`);
}

async function createSession(bytes: Uint8Array): Promise<InferenceSession> {
  try {
    // One thread a session: a row costs microseconds, and waking a pool for it costs more than it saves.
    return await InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw loadFailed(`onnxruntime does not accept its graph: ${messageOf(error)}. Export the model again.`, error);
  }
}

function checkSignature(session: InferenceSession, manifest: ModelManifest): void {
  const declared = manifest.inputs.map((input) => input.name);
  const missing = declared.filter((name) => !session.inputNames.includes(name));
  const extra = session.inputNames.filter((name) => !declared.includes(name));
  const ofValues = manifest.quantiles ? [modelOutputs.value, modelOutputs.quantiles] : [modelOutputs.value];
  const ofClasses = [modelOutputs.probabilities, manifest.task === 'multilabel' ? modelOutputs.labels : modelOutputs.classIndex];
  const outputs = manifest.task === 'regression' ? ofValues : ofClasses;
  const absent = outputs.filter((name) => !session.outputNames.includes(name));
  const problems = [
    missing.length > 0 && `the graph has no input ${missing.join(', ')}, which the manifest names`,
    extra.length > 0 && `the manifest does not name the graph's input ${extra.join(', ')}`,
    absent.length > 0 && `the graph has no output ${absent.join(', ')}`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw loadFailed(`${problems.join('; ')}. Export the model again.`);
}

/** Images in parts of bounded memory, everything else at once. */
async function runInParts(session: InferenceSession, manifest: ModelManifest, batch: Batch): Promise<BatchOutputs> {
  const { image } = manifest.layout;
  const atOnce = image ? imageRowsAtOnce(image) : batch.rows;
  if (batch.rows <= atOnce) return runSession(session, manifest, batch);
  const width = outputWidth(manifest);
  const values = new Float32Array(batch.rows * width); // [N, width]
  const classIndex = new Int32Array(batch.rows); // [N]
  for (let from = 0; from < batch.rows; from += atOnce) {
    const part = await runSession(session, manifest, sliceBatch(batch, from, Math.min(batch.rows, from + atOnce)));
    values.set(part.values, from * width);
    if (part.classIndex) classIndex.set(part.classIndex, from);
  }
  return manifest.task === 'regression' || manifest.task === 'multilabel' ? { values } : { values, classIndex };
}

async function runSession(session: InferenceSession, manifest: ModelManifest, batch: Batch): Promise<BatchOutputs> {
  const dims = [batch.rows, 1];
  const feeds: Record<string, Tensor> = {};
  manifest.inputs.forEach((input, i) => {
    const column = batch.columns[i];
    feeds[input.name] =
      input.type === 'uint8'
        ? new Tensor('uint8', column as Uint8Array, [batch.rows, input.height, input.width, input.channels])
        : column instanceof Float64Array
          ? new Tensor('float64', column, dims)
          : column instanceof BigInt64Array
            ? new Tensor('int64', column, dims)
            : new Tensor('string', column as string[], dims);
  });
  if (manifest.task === 'regression') {
    const output = manifest.quantiles ? modelOutputs.quantiles : modelOutputs.value;
    const results = await session.run(feeds, [output]);
    return { values: results[output].data as Float32Array }; // [N, quantiles] or [N, 1]
  }
  if (manifest.task === 'multilabel') {
    const results = await session.run(feeds, [modelOutputs.probabilities]);
    return { values: results[modelOutputs.probabilities].data as Float32Array }; // [N, labels]
  }
  const results = await session.run(feeds, [modelOutputs.probabilities, modelOutputs.classIndex]);
  return {
    values: results[modelOutputs.probabilities].data as Float32Array, // [N, classes]
    classIndex: Int32Array.from(results[modelOutputs.classIndex].data as BigInt64Array, Number), // [N]
  };
}

async function reproduceGolden(
  manifest: ModelManifest,
  golden: GoldenOutputs,
  run: (batch: Batch) => Promise<BatchOutputs>,
): Promise<number> {
  const rows = golden.instances.length;
  if (rows === 0 || golden.outputs.length !== rows) {
    throw loadFailed(
      `it brings ${rows} golden inputs with ${golden.outputs.length} outputs; expected at least one of each, as many outputs as inputs. Export the model again.`,
    );
  }
  const tensors = rowsToTensors(manifest.inputs, golden.instances);
  const batch: Batch = { rows, columns: manifest.inputs.map((input) => tensors[input.name].data) };
  let largest = 0;
  for (const size of [...warmUpBatches, rows]) {
    const outputs = await run(tileBatch(batch, size));
    largest = Math.max(largest, compareGolden(manifest, golden, outputs, size));
  }
  return largest;
}

function compareGolden(manifest: ModelManifest, golden: GoldenOutputs, outputs: BatchOutputs, size: number): number {
  const width = outputWidth(manifest);
  if (outputs.values.length !== size * width) {
    throw loadFailed(`for ${size} rows it gave ${outputs.values.length} numbers, expected ${size} × ${width}. Export the model again.`);
  }
  let largest = 0;
  for (let row = 0; row < size; row++) {
    const expected = golden.outputs[row % golden.outputs.length];
    for (let k = 0; k < width; k++) {
      const found = outputs.values[row * width + k];
      const difference = Math.abs(found - expected[k]);
      // Written so that NaN on either side is a difference.
      if (!(difference <= golden.tolerance)) {
        throw loadFailed(
          `golden row ${row % golden.outputs.length}, output ${k}, in a batch of ${size}: this host computes ${found}, expected ${expected[k]} ± ${golden.tolerance}. The exporting machine and this one do not agree; compare their versions of onnxruntime, and export the model again.`,
        );
      }
      largest = Math.max(largest, difference);
    }
  }
  return largest;
}

function loadFailed(what: string, cause?: unknown): AnnealError {
  return new AnnealError(failureTypes.loadFailed, `The version cannot be served: ${what}`, undefined, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
