import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type {
  BatchActivities,
  BatchPlan,
  BatchRequest,
  PlannedBatch,
  PlannedFile,
  PredictedPartition,
  PredictPartitionInput,
} from '../contracts/batch.js';
import type { BatchPlace } from '../contracts/batch-place.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { ModelManifest } from '../contracts/model.js';
import type { ArtifactRef } from '../contracts/reference.js';
import type { ServedVersion } from '../contracts/serving.js';
import { BatchFolder, type BatchClaim } from '../ml/batch/batch-folder.js';
import { batchIdentity, differences } from '../ml/batch/batch-identity.js';
import { LocalBatchPlace } from '../ml/batch/local-batch-place.js';
import { planBatch } from '../ml/batch/plan-batch.js';
import { ScoringPool } from '../ml/batch/scoring-pool.js';
import { sealBatch } from '../ml/batch/seal-batch.js';
import type { DataContext } from '../ml/data/data-context.js';
import { resolveSourcePath, unavailable } from '../ml/data/ingest/source-file.js';
import { size } from '../ml/data/report/format-figure.js';
import { DiskFullError, type DiskFullFacts, isDiskFull, isOverflow } from '../ml/disk-full.js';
import { type DataDependencies, installationRoot, runDataStage } from './data-stage.js';
import { withActivityFailures } from './failures.js';

/** Two partitions at a time and the worker itself have room beside each other in a small machine. */
const memoryLimitBytes = 512 * 2 ** 20;

export interface BatchDependencies extends DataDependencies {
  /** Where output lies; default: folders, and S3 is refused. */
  readonly openPlace?: (uri: string) => Promise<BatchPlace>;
  /** Where partitions are predicted; default: processes of this worker. */
  readonly pool?: Pick<ScoringPool, 'run'>;
}

/** The activities of queue `anneal-data` that predict files. All are safe to repeat. */
export function createBatchActivities(dependencies: BatchDependencies): BatchActivities {
  const projectRoot = dependencies.projectRoot ?? installationRoot;
  const { store, pool = new ScoringPool(), openPlace = folderAlone } = dependencies;
  const folderOf = async ({ directory, format }: Pick<BatchRequest, 'directory' | 'format'>): Promise<BatchFolder> =>
    new BatchFolder(await openPlace(directory), format);
  const plans = new PlanReader((ref) => store.readJson<BatchPlan>(ref));
  return withActivityFailures<BatchActivities>({
    async openBatch({ request }) {
      const claim = await (await folderOf(request)).claim();
      return claim ? { planned: agreed(request, claim) } : {};
    },
    planBatch: ({ request, version }) =>
      runDataStage(
        dependencies,
        async (context) => {
          const folder = await folderOf(request);
          const planned = plan(folder, request, version, projectRoot, context);
          return planned.catch((error: unknown) => rethrow(error, folder, context, request.job));
        },
        { memoryLimit: '512MiB' },
      ),
    predictPartition: (input) =>
      runDataStage(dependencies, async (context) => {
        const read = await plans.read(input.plan);
        const folder = await folderOf(read.identity);
        const predicted = predictPartition(folder, read, input, projectRoot, context, pool);
        return predicted.catch((error: unknown) => rethrow(error, folder, context, undefined, read));
      }),
    sealBatch: ({ plan: ref, ...input }) =>
      runDataStage(dependencies, async (context) => {
        const read = await plans.read(ref);
        const folder = await folderOf(read.identity);
        const sealed = sealBatch(folder, read, input, context);
        return sealed.catch((error: unknown) => rethrow(error, folder, context, input.job));
      }),
  });
}

/**
 * Throw an error, and of a full disk say whose it is, what the job wants and how it goes on.
 *
 * @param job its name; where it is not known here, it is read from the folder
 */
async function rethrow(
  error: unknown,
  folder: BatchFolder,
  { scratchRoot, signal }: DataContext,
  job: string | undefined,
  plan?: Pick<BatchPlan, 'files' | 'partitions'>,
): Promise<never> {
  if (signal?.aborted || !isDiskFull(error)) throw error;
  const name = job ?? (await folder.claim().catch(() => undefined))?.job;
  throw new DiskFullError(
    (error as Error).message,
    {
      ...fullPlace(error, folder.place.uri, scratchRoot),
      ...(plan
        ? {
            needs: `The parts of a job take about as much room as its input, here ${size(plan.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))} in ${plan.partitions.length.toLocaleString('en-US')} parts, in CSV and JSON lines often several times as much.`,
          }
        : {}),
      resume: `Then start the job again as it was begun, with${name === undefined ? ' its' : ''} --job${name === undefined ? '' : ` ${name}`}: its finished parts stay, and it goes on behind them.`,
    },
    { cause: error },
  );
}

/** @returns nothing where it is the scratch folder */
function fullPlace(error: unknown, uri: string, scratchRoot: string): Pick<DiskFullFacts, 'folder'> {
  if (error instanceof DiskFullError) return error.facts;
  const isScratch = uri.startsWith('s3://') || isOverflow(error) || (error as Error).message.includes(`${scratchRoot}/`);
  if (isScratch) return {};
  return { folder: { path: uri, name: 'the output folder', elsewhere: 'begin another job in a folder on a larger disk (--output)' } };
}

async function folderAlone(uri: string): Promise<BatchPlace> {
  if (!uri.startsWith('s3://')) return new LocalBatchPlace(uri);
  throw new AnnealError(
    failureTypes.invalidRequest,
    `The output ${uri} cannot be written: this worker has no access to S3. Configure S3 for all data workers, or name a folder (--output).`,
  );
}

/** A plan of thousands of files is read once, and not for each of its partitions. */
class PlanReader {
  #last: { readonly sha256: string; readonly plan: Promise<BatchPlan> } | undefined;

  constructor(private readonly fetch: (ref: ArtifactRef) => Promise<BatchPlan>) {}

  async read(ref: ArtifactRef): Promise<BatchPlan> {
    if (this.#last?.sha256 !== ref.sha256) this.#last = { sha256: ref.sha256, plan: this.fetch(ref) };
    const { plan: read } = this.#last;
    try {
      return await read;
    } catch (error) {
      if (this.#last?.plan === read) this.#last = undefined;
      throw error;
    }
  }
}

/** @throws AnnealError `InvalidRequest` when the folder's claim is not this request's */
function agreed(request: BatchRequest, { job, identity, planned }: BatchClaim): PlannedBatch {
  const other =
    job === request.job
      ? [
          ...differences(identity, batchIdentity(request)),
          ...(request.version !== undefined && /^\d+$/.test(request.version) && request.version !== planned.version.version
            ? ['--model-version']
            : []),
        ]
      : [];
  if (job === request.job && other.length === 0) return planned;
  const what =
    job === request.job
      ? `the same job with another ${other.join(', ')} (it was begun with version ${planned.version.version})`
      : `the job "${job}" of ${identity.model}`;
  throw new AnnealError(
    failureTypes.invalidRequest,
    `The folder ${request.directory} belongs to ${what}, which cannot go on as what is asked for now. Start the job as it was begun, or name another folder (--output).`,
  );
}

async function plan(
  folder: BatchFolder,
  request: BatchRequest,
  version: ServedVersion,
  projectRoot: string,
  context: DataContext,
): Promise<PlannedBatch> {
  const { store } = context;
  const manifest = await store.readJson<ModelManifest>(version.bundle.manifest);
  if (request.rejectOutOfRange && manifest.declared === undefined)
    throw new AnnealError(
      failureTypes.invalidRequest,
      `Version ${version.version} of ${request.model} does not know the ranges that its pipeline declares: it was registered before these were kept. Train it again, or leave --reject-out-of-range out.`,
    );
  const made = await planBatch(request, version, manifest, projectRoot, context);
  const rows = made.files.every((file) => file.rows !== undefined)
    ? made.files.reduce((sum, file) => sum + (file.rows ?? 0), 0)
    : undefined;
  const planned: PlannedBatch = {
    plan: await store.putJson(made),
    version,
    partitions: made.partitions.length,
    files: made.files.length,
    sizeBytes: made.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...(rows === undefined ? {} : { rows }),
    startedAtMs: Date.now(),
  };
  const claim = await folder.setClaim({ formatVersion: 1, job: request.job, identity: made.identity, planned });
  return agreed(request, claim);
}

async function predictPartition(
  folder: BatchFolder,
  { identity, version, files, partitions, typedInputs = false }: BatchPlan,
  { partition }: PredictPartitionInput,
  projectRoot: string,
  context: DataContext,
  pool: Pick<ScoringPool, 'run'>,
): Promise<PredictedPartition> {
  const { store, signal, onProgress, scratchRoot } = context;
  const known = await folder.finished(partition);
  if (known) return { rows: known.rows, rejected: known.rejected?.rows ?? 0, reasons: known.rejected?.reasons ?? {}, reused: true };
  const startedAt = performance.now();
  const { file: index, rows } = partitions[partition];
  const file = files[index];
  return folder.place.withTemporaryDirectory(async (directory) => {
    const isRemote = file.uri.startsWith('s3://');
    const path = isRemote ? join(directory, 'fetched') : await resolveSourcePath(file.uri, projectRoot);
    if (isRemote) await fetchAsPlanned(file, path, context);
    const [model, manifest] = await Promise.all([
      store.localPath(version.bundle.model),
      store.readJson<ModelManifest>(version.bundle.manifest),
    ]);
    const part = join(directory, folder.partName(partition));
    const rejected = join(directory, `rejected-${folder.partName(partition)}`);
    const { source, keep, rejectOutOfRange, format } = identity;
    const partBytes = rows && file.rows ? (file.sizeBytes * (rows[1] - rows[0])) / file.rows : file.sizeBytes;
    const scored = await pool.run(
      {
        model: { path: model, sha256: version.bundle.model.sha256, manifest },
        // The partitions are what runs in parallel; and a fixed number of threads adds in a fixed order.
        threads: Math.max(1, Math.floor(availableParallelism() / 2)),
        source,
        file,
        path,
        ...(rows ? { rows } : {}),
        keep,
        rejectOutOfRange,
        typedInputs,
        format,
        partPath: part,
        rejectedPath: rejected,
        digest: rows === undefined || rows[0] === 0,
        scratchRoot,
        memoryLimitBytes,
      },
      (done, totalRows, readShare) =>
        onProgress?.(
          readShare === undefined
            ? { phase: 'predict', rows: done, totalRows }
            : { phase: 'read', readBytes: Math.round(readShare * partBytes), sizeBytes: Math.round(partBytes) },
        ),
      signal,
    );
    signal?.throwIfAborted();
    const { inputSha256, ...facts } = scored;
    await folder.publish(
      partition,
      { ...(scored.rows > 0 ? { part } : {}), ...(scored.rejected > 0 ? { rejected } : {}) },
      { ...facts, durationMs: Math.round(performance.now() - startedAt), ...(inputSha256 === undefined ? {} : { inputSha256 }) },
    );
    return { rows: scored.rows, rejected: scored.rejected, reasons: scored.reasons, reused: false };
  });
}

/** @throws AnnealError `SourceUnavailable` when the object is not the one that was planned */
async function fetchAsPlanned({ uri, etag, sizeBytes }: PlannedFile, path: string, { remote, signal }: DataContext): Promise<void> {
  if (!remote) throw unavailable(uri, 'this worker has no access to S3', 'Configure S3 for all data workers.');
  const found = (await remote.list(uri, signal)).find((listed) => listed.uri === uri);
  if (found?.etag === etag && found?.sizeBytes === sizeBytes) {
    await remote.fetch(uri, path, signal);
    if ((await stat(path)).size === sizeBytes) return;
  }
  throw unavailable(uri, 'it is not the file any more that the job began with', 'Start a new job.');
}
