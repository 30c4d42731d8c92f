import { setTimeout as yieldTurn } from 'node:timers/promises';
import type { BatchManifest, BatchPart, BatchPlan, BatchTotals, SealBatchInput, SealedBatch } from '../../contracts/batch.js';
import type { DataContext } from '../data/data-context.js';
import type { BatchFolder } from './batch-folder.js';
import { refuseTooManyRejects } from './reject-limit.js';

/** So many damaged parts are told at once. */
const damagedAtOnce = 200;

/**
 * Verify every part against its record and write the manifest. Safe to repeat: a manifest that is there stays.
 *
 * @returns the partitions that have to be predicted again, where the files of some are not as they were written
 * @throws AnnealError `InvalidData` when more rows were rejected than the job allows
 */
export async function sealBatch(
  folder: BatchFolder,
  plan: BatchPlan,
  { job, startedAtMs, maxRejected }: Omit<SealBatchInput, 'plan'>,
  { signal, onProgress }: Pick<DataContext, 'signal' | 'onProgress'>,
): Promise<SealedBatch> {
  const isWritten = await folder.hasManifest();
  const parts: BatchPart[] = [];
  const damaged: number[] = [];
  for (const partition of plan.partitions.keys()) {
    signal?.throwIfAborted();
    onProgress?.({ phase: 'verification of the parts', rows: partition, totalRows: plan.partitions.length });
    const part = await folder.verified(partition, signal);
    if (part) parts.push(part);
    else if (damaged.push(partition) >= damagedAtOnce) break;
    await yieldTurn(0);
  }
  if (damaged.length > 0) return { damaged };
  const totals = totalsOf(parts, folder);
  refuseTooManyRejects(totals, maxRejected);
  if (!isWritten) await folder.writeManifest(manifestOf(plan, job, startedAtMs, parts, totals));
  return { totals };
}

function totalsOf(parts: readonly BatchPart[], folder: BatchFolder): BatchTotals {
  const reasons: Record<string, number> = {};
  for (const { rejected } of parts)
    for (const [reason, rows] of Object.entries(rejected?.reasons ?? {})) reasons[reason] = (reasons[reason] ?? 0) + rows;
  const predicted = parts.reduce((sum, { rows }) => sum + rows, 0);
  const rejected = parts.reduce((sum, part) => sum + (part.rejected?.rows ?? 0), 0);
  return {
    manifest: folder.manifestPath,
    rows: predicted + rejected,
    predicted,
    rejected,
    reasons,
    parts: parts.filter(({ name }) => name !== undefined).length,
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function manifestOf(
  { identity, version, files, partitions }: BatchPlan,
  job: string,
  startedAtMs: number,
  parts: readonly BatchPart[],
  totals: BatchTotals,
): BatchManifest {
  const endedAtMs = Date.now();
  const rowsOf = (file: number) =>
    parts.reduce((sum, part, i) => sum + (partitions[i].file === file ? part.rows + (part.rejected?.rows ?? 0) : 0), 0);
  return {
    formatVersion: 1,
    model: identity.model,
    job,
    version: version.version,
    modelDigest: version.bundle.model.sha256,
    format: identity.format,
    rows: totals.rows,
    predicted: totals.predicted,
    rejected: { rows: totals.rejected, reasons: totals.reasons },
    workMs: Math.round(parts.reduce((sum, { durationMs }) => sum + durationMs, 0)),
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(endedAtMs).toISOString(),
    durationMs: endedAtMs - startedAtMs,
    inputs: files.map(({ uri, sizeBytes }, file) => ({
      uri,
      sizeBytes,
      sha256: parts.find((part, i) => partitions[i].file === file && part.inputSha256 !== undefined)?.inputSha256 ?? '',
      rows: rowsOf(file),
    })),
    parts: parts.map(({ name, rows, sizeBytes, sha256, rejected, durationMs }, i) => ({
      ...(name === undefined ? {} : { name }),
      rows,
      sizeBytes,
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(rejected ? { rejected } : {}),
      durationMs,
      input: files[partitions[i].file].uri,
      ...(partitions[i].rows ? { inputRows: partitions[i].rows } : {}),
    })),
  };
}
