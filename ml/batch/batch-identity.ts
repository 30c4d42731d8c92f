import type { BatchIdentity, BatchRequest } from '../../contracts/batch.js';
import { canonicalJson } from '../../contracts/canonical-json.js';

/** What of a request makes the output what it is; its limits may be others when a job goes on. Pure. */
export function batchIdentity(request: BatchRequest): BatchIdentity {
  const { model, source, directory, format, keep, rejectOutOfRange, partitionRows } = request;
  return { model, source, directory, format, keep, rejectOutOfRange, partitionRows };
}

/** @returns the names of what differs, as the command calls it */
export function differences(a: BatchIdentity, b: BatchIdentity): string[] {
  const options: Readonly<Record<keyof BatchIdentity, string>> = {
    model: 'the model',
    source: '--input',
    directory: '--output',
    format: '--format',
    keep: '--keep',
    rejectOutOfRange: '--reject-out-of-range',
    partitionRows: '--partition-rows',
  };
  return (Object.keys(options) as (keyof BatchIdentity)[])
    .filter((key) => canonicalJson(a[key]) !== canonicalJson(b[key]))
    .map((key) => options[key]);
}
