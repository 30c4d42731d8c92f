import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-node';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { GoldenOutputs, ModelManifest } from '../../contracts/model.js';
import { warmUpLimitMs } from '../executors/execute-limit.js';
import { clauseOf, loadFailed } from './load-failed.js';
import { choosePlacement, longestCallMs, longestOpenMs, type Placement } from '../executors/placement.js';
import { checkSignature } from './check-signature.js';
import { goldenBatch, manyRows, openImage, type PreparedImage, type PreparedVersion } from './prepared-version.js';
import { sessionRunner } from '../executors/run-session.js';
import { outputWidth, tileBatch, type Batch, type BatchOutputs } from '../tensors.js';
import { readVerified, type LocalFile } from './verified-file.js';
import { writeImage } from './write-image.js';
import { removeSplitImage, writeSplitImage } from './write-split-image.js';

/** Of what the placement does not hang on. */
const callTries = 2;
/** Noise in the processor's time does not make a call look this many times as slow as it is. */
const clearlyAbove = 4;
const maxTries = 25;

/** The files of one version on this machine. */
export interface VersionFiles {
  readonly model: LocalFile;
  readonly manifest: LocalFile;
  readonly golden: LocalFile;
}

/** @returns the same for the same content; begins with the digest of the model */
export function versionDigest(files: VersionFiles): string {
  return [files.model, files.manifest, files.golden].map((file) => file.sha256).join();
}

export interface PrepareOptions {
  /** Told before each call of the model how long it may take. */
  readonly onCall?: (limitMs: number) => void;
  /** Where versions execute on this host, unless their pipeline says something else. @default chosen by what each version costs */
  readonly placement?: Placement;
}

/**
 * Read a version from local files, check its digests, optimize it for this machine, make it reproduce its golden outputs, and
 * measure what it costs.
 *
 * What is verified is the very image that serving processes open. Blocks the thread for as long as onnxruntime takes (some hundred
 * milliseconds for a model of 40 MB), so it belongs into a process of its own. Safe to repeat.
 *
 * @param directory takes the image, under a name that begins with the SHA-256 of the model
 * @throws AnnealError `LoadFailed` that names the file, the input or the row that is not as expected
 */
export async function prepareVersion(files: VersionFiles, directory: string, options: PrepareOptions = {}): Promise<PreparedVersion> {
  const startedAt = performance.now();
  const manifest = parseJson<ModelManifest>('manifest', readVerified('manifest', files.manifest));
  const golden = parseJson<GoldenOutputs>('golden outputs', readVerified('golden outputs', files.golden));
  if (manifest.formatVersion !== 1 || !Array.isArray(manifest.inputs)) {
    throw loadFailed(
      'its manifest is not of format version 1, the only one that this host reads. Export the model again, or update the host.',
    );
  }
  const verify = async ({ image, session }: OpenedImage): Promise<PreparedVersion> => {
    const { difference, profile } = await verifyImage(image, session, manifest, golden, options.onCall);
    const loadMs = performance.now() - startedAt;
    return { digest: versionDigest(files), image, manifest, golden: files.golden, goldenDifference: difference, loadMs, profile };
  };
  const stem = join(directory, files.model.sha256);
  const split = await openSplit(files.model, manifest, stem);
  if (split) {
    const prepared = await verify(split);
    if (!isBesideHttp(prepared, options.placement)) return prepared;
    // The thread that serves copies what it computes with, for which it has to be in one piece.
    await removeSplitImage(split.image);
  }
  const image = await writeImage(files.model, stem);
  return verify({ image, session: await openImage(image, {}) });
}

interface OpenedImage {
  readonly image: PreparedImage;
  readonly session: InferenceSession;
}

/** @returns undefined where the model cannot be split or opened, for whatever reason: to make the image whole tells it */
async function openSplit(model: LocalFile, { layout }: ModelManifest, stem: string): Promise<OpenedImage | undefined> {
  if (layout.image) return undefined;
  let image: PreparedImage | undefined;
  try {
    image = await writeSplitImage(model, stem);
    return image && { image, session: await openImage(image, {}) };
  } catch {
    if (image) await removeSplitImage(image);
    return undefined;
  }
}

/** Whether it may come to execute on the thread that serves, by what its calls take. */
function isBesideHttp({ profile, manifest }: PreparedVersion, placement?: Placement): boolean {
  const { layout, serving } = manifest;
  const wishes = { isolation: serving?.isolation, placement };
  return choosePlacement({ ...profile, openMs: 0 }, layout.image !== undefined, wishes) === 'http-thread';
}

/** @param session on the image; is released */
async function verifyImage(
  image: PreparedImage,
  session: InferenceSession,
  manifest: ModelManifest,
  golden: GoldenOutputs,
  onCall?: PrepareOptions['onCall'],
) {
  try {
    checkSignature(session, manifest);
    const openMs = await leastMs(async () => (await openImage(image, {})).release(), longestOpenMs);
    const limitMs = warmUpLimitMs(manifest);
    const runBatch = sessionRunner(session, manifest);
    const took = new Map<number, number>();
    const run = async (batch: Batch) => {
      onCall?.(limitMs);
      const { result, ms } = await timed(() => runBatch(batch));
      took.set(batch.rows, Math.min(ms, took.get(batch.rows) ?? Infinity));
      return result;
    };
    const { difference, rows } = await reproduceGolden(manifest, golden, run);
    const ofRows = (count: number, bound?: number) => leastMs(() => run(tileBatch(rows, count)), bound, took.get(count));
    const oneRowMs = await ofRows(1);
    const manyRowsMs = await ofRows(manyRows, longestCallMs);
    return { difference, profile: { openMs, oneRowMs, manyRowsMs } };
  } catch (error) {
    if (error instanceof AnnealError && error.type === failureTypes.loadFailed) throw error;
    throw loadFailed(`it failed on its golden inputs: ${clauseOf(error)}. Export the model again.`, error);
  } finally {
    await session.release();
  }
}

/**
 * The least of some tries, by the clock or by the processor's time of this process: whatever else the machine does makes a call
 * longer, never shorter, and on a busy machine this process is at the end of the queue.
 *
 * @param bound that the result is compared with: there are as many tries as it takes to know on which side it lies
 * @param first milliseconds that a try before these took
 */
async function leastMs(work: () => Promise<unknown>, bound?: number, first = Infinity): Promise<number> {
  let least = first;
  const isKnown = (tries: number): boolean =>
    bound === undefined ? tries >= callTries : tries > 0 && (least <= bound || least > bound * clearlyAbove);
  for (let tries = first < Infinity ? 1 : 0; tries < maxTries && !isKnown(tries); tries++) least = Math.min(least, (await timed(work)).ms);
  return least;
}

/** @returns the lesser of the time by the clock and the processor's */
async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  const computedMs = (user + system) / 1000;
  return { result, ms: computedMs > 0 ? Math.min(wallMs, computedMs) : wallMs };
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

async function reproduceGolden(
  manifest: ModelManifest,
  golden: GoldenOutputs,
  run: (batch: Batch) => Promise<BatchOutputs>,
): Promise<{ readonly difference: number; readonly rows: Batch }> {
  const rows = golden.instances.length;
  if (rows === 0 || golden.outputs.length !== rows) {
    throw loadFailed(
      `it brings ${rows} golden inputs with ${golden.outputs.length} outputs; expected at least one of each, as many outputs as inputs. Export the model again.`,
    );
  }
  const batch = goldenBatch(manifest, golden);
  let largest = 0;
  for (const size of new Set([1, manyRows, rows])) {
    const outputs = await run(tileBatch(batch, size));
    largest = Math.max(largest, compareGolden(manifest, golden, outputs, size));
  }
  return { difference: largest, rows: batch };
}

/** The sum that the score is made of is exact on every machine. */
const scoreTolerance = 1e-6;

function compareScores({ anomaly: expected }: GoldenOutputs, { anomaly: found }: BatchOutputs, size: number): void {
  if (!expected) return;
  for (let row = 0; row < size; row++) {
    const score = found?.[row] ?? Number.NaN;
    const wanted = expected[row % expected.length];
    if (Math.abs(score - wanted) <= scoreTolerance) continue;
    throw loadFailed(
      `golden row ${row % expected.length}, in a batch of ${size}: this host computes the anomaly score ${score}, expected ${wanted} ± ${scoreTolerance}. The exporting machine and this one do not agree; compare their versions of onnxruntime, and export the model again.`,
    );
  }
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
  compareScores(golden, outputs, size);
  return largest;
}
