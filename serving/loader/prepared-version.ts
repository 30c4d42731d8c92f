import { InferenceSession } from 'onnxruntime-node';
import type { GoldenOutputs, ModelManifest } from '../../contracts/model.js';
import { rowsToTensors } from '../../ml/data/read/raw-tensors.js';
import { clauseOf, loadFailed } from './load-failed.js';
import { sessionRunner } from '../executors/run-session.js';
import { tileBatch, type Batch, type BatchOutputs } from '../tensors.js';
import { checkVerified, readVerified, readVerifiedBesideRequests, type LocalFile } from './verified-file.js';

/** What a version costs on this machine, in milliseconds; the least of some tries. */
export interface VersionProfile {
  /** To open a session on the image without prepacking. Blocks the thread that does it. */
  readonly openMs: number;
  /** A call with one row. */
  readonly oneRowMs: number;
  /** A call with `manyRows` rows. */
  readonly manyRowsMs: number;
}

/** Rows of the larger batch that a version is measured and warmed up with. */
export const manyRows = 32;

/** What serving processes open. */
export interface PreparedImage extends LocalFile {
  /** Of all that is opened. */
  readonly sizeBytes: number;
  /**
   * The model's own file, under another name: the image is an ONNX graph that names the places of its large weights in there. Absent:
   * the image is in onnxruntime's own format, the graph as it was optimized for this machine.
   */
  readonly weights?: LocalFile;
}

/** A version that was loaded and verified in another process, in a form that opens within milliseconds. */
export interface PreparedVersion {
  /** Of the files that it was made of; the image's bytes may differ from one preparation to the next. */
  readonly digest: string;
  /** Its weights are ready to be used where they lie. */
  readonly image: PreparedImage;
  readonly manifest: ModelManifest;
  /** JSON of `GoldenOutputs`: rows to warm up with. */
  readonly golden: LocalFile;
  /** Largest absolute difference from the golden outputs, over all batch sizes that were tried. */
  readonly goldenDifference: number;
  readonly loadMs: number;
  readonly profile: VersionProfile;
}

export interface OpenOptions {
  /** Threads of one call. @default 1 */
  readonly threads?: number;
  /**
   * Lay the weights out for larger batches: half again as fast from some rows on, and tens of milliseconds to open for a model
   * of tens of megabytes. Without it all weights are used where they lie. @default false
   */
  readonly prepack?: boolean;
  /** The thread serves meanwhile, and is held up for no longer than it takes to hash a quarter of a megabyte. @default false */
  readonly isServing?: boolean;
}

export interface OpenModel {
  run(batch: Batch): Promise<BatchOutputs>;
  release(): Promise<void>;
}

/**
 * Open a session on a verified image and run its golden rows, so that no request meets a cold session.
 *
 * Blocks the thread for about `profile.openMs` plus `oneRowMs` plus `manyRowsMs`; with `prepack` for longer.
 *
 * @throws AnnealError `LoadFailed` when the files changed since they were verified
 */
export async function openPrepared(prepared: PreparedVersion, options: OpenOptions = {}): Promise<OpenModel> {
  const { manifest } = prepared;
  const read = options.isServing ? readVerifiedBesideRequests : readVerified;
  const golden = JSON.parse(new TextDecoder().decode(await read('golden outputs', prepared.golden))) as GoldenOutputs;
  const isCopied = options.isServing && !prepared.image.weights;
  const { session, bytes } = isCopied ? await openCopied(prepared, options) : await openMapped(prepared, options);
  const run = sessionRunner(session, manifest);
  const rows = goldenBatch(manifest, golden);
  for (const size of [1, manyRows]) await run(tileBatch(rows, size));
  // The closure keeps the bytes: the session reads its weights from them.
  return { run, release: () => session.release().then(() => void bytes) };
}

interface OpenedImage {
  readonly session: InferenceSession;
  readonly bytes?: Uint8Array;
}

/** The thread that serves holds what it computes with: what becomes of the file must not take its process along. */
async function openCopied({ image }: PreparedVersion, options: OpenOptions): Promise<OpenedImage> {
  const bytes = await readVerifiedBesideRequests('prepared image', image);
  return { session: await openImage(bytes, options), bytes };
}

/** Neither read nor copied: the system's one copy is mapped by every process that opens it, and stays when the file is deleted. */
async function openMapped({ image }: PreparedVersion, options: OpenOptions): Promise<OpenedImage> {
  const confirmations = [checkVerified('prepared image', image), ...(image.weights ? [checkVerified('model', image.weights)] : [])];
  const session = await openImage(image, options);
  try {
    for (const confirm of confirmations) confirm();
  } catch (error) {
    await session.release();
    throw error;
  }
  return { session };
}

/**
 * @param image its bytes, in onnxruntime's format, which must stay as long as the session; or its files, which are mapped
 * @throws AnnealError `LoadFailed`
 */
export async function openImage(
  image: Uint8Array | Pick<PreparedImage, 'path' | 'weights'>,
  { threads = 1, prepack = false }: OpenOptions,
): Promise<InferenceSession> {
  const disable_prepacking = prepack ? '0' : '1';
  const optimized = { ...sessionOptions(threads), graphOptimizationLevel: 'disabled' as const };
  const common = { disable_prepacking, use_ort_model_bytes_for_initializers: '1' };
  try {
    if (image instanceof Uint8Array)
      return await InferenceSession.create(image, { ...optimized, extra: { session: { ...common, use_ort_model_bytes_directly: '1' } } });
    if (image.weights)
      return await InferenceSession.create(image.path, {
        ...sessionOptions(threads),
        graphOptimizationLevel: 'all',
        extra: { session: { disable_prepacking } },
      });
    return await InferenceSession.create(image.path, { ...optimized, extra: { session: { ...common, use_memory_mapped_ort_model: '1' } } });
  } catch (error) {
    throw loadFailed(`onnxruntime does not open the image that was prepared of it: ${clauseOf(error)}. The host prepares it again.`, error);
  }
}

export function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
  };
}

export function goldenBatch(manifest: ModelManifest, golden: GoldenOutputs): Batch {
  const tensors = rowsToTensors(manifest.inputs, golden.instances);
  return { rows: golden.instances.length, columns: manifest.inputs.map((input) => tensors[input.name].data) };
}
