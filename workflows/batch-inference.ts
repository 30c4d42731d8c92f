import {
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { batchStatusQuery, type BatchInferenceInput, type BatchRequest, type BatchResult, type PlannedBatch } from '../contracts/batch.js';
import { failureTypes } from '../contracts/failures.js';
import { searchAttributes } from '../contracts/search-attributes.js';
import type { ServedVersion } from '../contracts/serving.js';
import { BatchRecord } from './batch-inference/batch-record.js';
import { failureReason } from './failure-reason.js';
import { batch, registry, tracking } from './proxies.js';

/** Parts that are found damaged at the end are made again; a disk that loses them again is for people. */
const repairs = 2;

/**
 * Predict the rows of files with one version of a model, and write them as parts beside a manifest.
 *
 * The version is fixed when the job begins. Partitions are predicted in a sliding window; what a job of the same name has finished
 * before, it does not predict again. A job that is cancelled or fails keeps its finished parts.
 *
 * @throws `InvalidRequest` when the input does not fit the model or the folder is in use, `InvalidData` when too many rows are
 *   rejected
 */
export async function batchInference({ request, carried }: BatchInferenceInput): Promise<BatchResult> {
  const record = new BatchRecord(request, Date.now(), carried);
  setHandler(batchStatusQuery, () => record.status());
  const show = () => setCurrentDetails(record.details(Date.now()));
  try {
    const planned = carried?.planned ?? (await plan(request));
    if (!carried) record.plan(planned, Date.now());
    show();
    const next = await predictFrom(carried?.next ?? 0, planned.partitions);
    if (next < planned.partitions) return await continueAsNew<typeof batchInference>({ request, carried: record.carry(next) });
    return await seal(planned);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    if (isCancellation(error)) record.end('cancelled', 'The job was cancelled; its finished parts stay.', Date.now());
    else record.end('failed', failureReason(error), Date.now());
    show();
    throw error;
  }

  /** @returns the partition to begin next; smaller than `total` when the history of this workflow is long enough */
  async function predictFrom(first: number, total: number): Promise<number> {
    let next = first;
    const takeTurns = async (): Promise<void> => {
      while (next < total && !workflowInfo().continueAsNewSuggested) {
        await predict(next++, total);
        refuseEarly();
        show();
      }
    };
    await CancellationScope.cancellable(async () => {
      const turns = Array.from({ length: Math.min(request.concurrency, total - first) }, takeTurns);
      try {
        await Promise.all(turns);
      } catch (error) {
        CancellationScope.current().cancel();
        await Promise.allSettled(turns);
        throw error;
      }
    });
    return next;
  }

  async function predict(partition: number, total: number): Promise<void> {
    const { plan: ref } = record.carry(partition).planned;
    const summary = `partition ${partition + 1} of ${total.toLocaleString('en-US')}`;
    record.add(await batch.predictPartition.executeWithOptions({ summary }, [{ plan: ref, partition }]));
  }

  /** Not at the end of hours. */
  function refuseEarly(): void {
    const known = record.rejects();
    if (!known || known.rejected === known.rows || known.rejected <= request.maxRejected * known.rows) return;
    const reasons = Object.entries(known.reasons)
      .slice(0, 5)
      .map(([reason, rows]) => `${reason} (${rows})`);
    throw ApplicationFailure.create({
      type: failureTypes.invalidData,
      nonRetryable: true,
      message: `${known.rejected} rows cannot be predicted, more than ${(100 * request.maxRejected).toPrecision(3)} % of the ${known.rows} rows, which the job allows: ${reasons.join(', ')}. The rows stand in the folder rejects of the output. Mend the input and start another job, or start this one again with a larger --max-rejects.`,
    });
  }

  async function seal({ plan: ref, version, partitions, startedAtMs }: PlannedBatch): Promise<BatchResult> {
    record.seal();
    show();
    const { job, maxRejected, model, directory } = request;
    for (let repaired = 0; ; repaired++) {
      const { totals, damaged = [] } = await batch.sealBatch.executeWithOptions({ summary: `manifest of ${partitions} parts` }, [
        { plan: ref, job, startedAtMs, maxRejected },
      ]);
      if (totals) {
        record.complete(totals, Date.now());
        show();
        const { version: number, bundle } = version;
        return {
          ...totals,
          model,
          job,
          version: number,
          modelDigest: bundle.model.sha256,
          directory,
          durationMs: Date.now() - startedAtMs,
        };
      }
      if (repaired === repairs)
        throw ApplicationFailure.create({
          type: failureTypes.artifactCorrupt,
          nonRetryable: true,
          message: `${damaged.length} parts in ${directory} are not as they were written, also after they were written again (the first: part ${damaged[0]}). Look for a program that changes files in the folder, or for a broken disk, and start the job again.`,
        });
      for (const partition of damaged)
        await batch.predictPartition.executeWithOptions({ summary: `partition ${partition + 1} again` }, [{ plan: ref, partition }]);
    }
  }
}

/** The plan of the job, or of the attempt that it goes on with. */
async function plan(request: BatchRequest): Promise<PlannedBatch> {
  const { planned: known } = await batch.openBatch.executeWithOptions({ summary: request.directory.slice(-190) }, [{ request }]);
  const planned =
    known ??
    (await batch.planBatch.executeWithOptions({ summary: 'files and their columns' }, [{ request, version: await resolve(request) }]));
  upsertSearchAttributes([
    { key: searchAttributes.pipeline, value: request.model },
    { key: searchAttributes.stage, value: 'batch' },
    { key: searchAttributes.modelVersion, value: `${request.model}/${planned.version.version}` },
  ]);
  return planned;
}

async function resolve({ model, version }: BatchRequest): Promise<ServedVersion> {
  if (version !== undefined) return registry.resolveModelVersion({ model, version });
  const champion = await tracking.currentChampion({ model });
  if (champion) return champion;
  throw ApplicationFailure.create({
    type: failureTypes.unknownModelVersion,
    nonRetryable: true,
    message: `No version of a model "${model}" serves, so there is nothing to predict with. \`anneal models\` lists the models; promote a version, or name one with --model-version.`,
  });
}
