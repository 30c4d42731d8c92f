import { ApplicationFailure, CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { IngestedPartition, IngestResult } from '../../contracts/activities.js';
import type { Snapshot } from '../../contracts/dataset.js';
import { AnnealError } from '../../contracts/failures.js';
import type { PipelineSpec } from '../../contracts/pipeline.js';
import { describeSource } from '../../contracts/pipeline/describe-source.js';
import { type ResolvedWindow, resolveWindow } from '../../contracts/pipeline/resolve-window.js';
import { scheduledStartTime } from '../../contracts/search-attributes.js';
import { data } from '../proxies.js';
import type { RunRecord } from './run-record.js';
import { count, type StageWithResult } from './staged.js';

/** The source becomes an immutable snapshot; what of it is known already is not read again. */
export function ingest(spec: PipelineSpec, staged: StageWithResult, record: RunRecord): Promise<Snapshot> {
  return staged(
    'ingest',
    () => readSource(spec),
    (result) => {
      record.learn({ dataDigest: result.digest });
      for (const note of result.notes ?? []) record.warn(note);
      return `${count(result.rows)} rows${result.reused ? ', snapshot reused' : ''}`;
    },
  );
}

/** Read the source without a word about it; also when a run looks again whether it was mended. */
export async function readSource(spec: PipelineSpec): Promise<Snapshot> {
  const { source, data: limits } = spec;
  const window = windowOf(spec);
  const summary = describeSource(source).slice(0, 190);
  const { snapshot, plan } = await data.ingestSource.executeWithOptions({ summary }, [
    { source, data: limits, ...(window ? { window } : {}) },
  ]);
  return snapshot ?? readPartitions(plan!, spec);
}

/** The window in absolute times; a scheduled run counts from the time that it was scheduled for, however late it started. */
function windowOf({ source }: PipelineSpec): ResolvedWindow | undefined {
  if (!source.window) return undefined;
  const { startTime, typedSearchAttributes } = workflowInfo();
  const scheduled = typedSearchAttributes.get(scheduledStartTime);
  try {
    return resolveWindow(source.window, (scheduled ?? startTime).getTime());
  } catch (error) {
    if (!(error instanceof AnnealError)) throw error;
    throw ApplicationFailure.create({ type: error.type, nonRetryable: true, message: error.message });
  }
}

/** A sliding window of partitions; the first that fails stops the others. */
async function readPartitions(
  { plan, partitions, files }: NonNullable<IngestResult['plan']>,
  { data: limits }: PipelineSpec,
): Promise<Snapshot> {
  const ingested: IngestedPartition[] = [];
  let next = 0;
  const takeTurns = async (): Promise<void> => {
    while (next < partitions) {
      const partition = next++;
      const summary = `partition ${partition + 1} of ${count(partitions)}`;
      ingested[partition] = await data.ingestPartition.executeWithOptions({ summary }, [{ plan, partition, data: limits }]);
    }
  };
  await CancellationScope.cancellable(async () => {
    const turns = Array.from({ length: Math.min(limits.concurrency, partitions) }, takeTurns);
    try {
      await Promise.all(turns);
    } catch (error) {
      CancellationScope.current().cancel();
      await Promise.allSettled(turns);
      throw error;
    }
  });
  return data.sealSnapshot.executeWithOptions({ summary: `${count(files)} files` }, [{ plan, partitions: ingested, data: limits }]);
}
