import type { Client } from '@temporalio/client';
import type { BatchState, BatchStatus } from '../contracts/batch.js';
import { batchWorkflowId, parseBatchWorkflowId } from '../contracts/ids.js';
import { workflowTypes } from '../contracts/training-pipeline.js';
import { batchReport, readBatchStatus } from './batch-status.js';
import { CommandError, exitCodes, usageError } from './command-error.js';
import { workflowPage } from './links.js';
import { count, duration, printJson, printLine, printNote, table, timestamp } from './output.js';
import { batchResultView } from './progress/batch-view.js';
import { partitionsUnderWay } from './progress/partitions-under-way.js';
import { watchBatch } from './progress/watch-batch.js';
import { commandSettings } from './settings.js';
import { listenForStop } from './stack/stop-signal.js';
import { withTemporal } from './temporal.js';

export interface BatchSummary {
  readonly job: string;
  readonly model: string;
  readonly workflowId: string;
  readonly state: BatchState | 'terminated' | 'timed_out';
  /** `<model>/<version>` */
  readonly modelVersion?: string;
  readonly startedAt: string;
  readonly durationMs: number;
}

/** `anneal batches`: the jobs, newest first. */
export async function batches({
  model,
  limit,
  json,
}: {
  readonly model?: string;
  readonly limit: number;
  readonly json?: boolean;
}): Promise<void> {
  if (model !== undefined && !/^[a-z0-9-]+$/.test(model)) throw usageError(`"${model}" is not the name of a model.`);
  const jobs = await withTemporal(commandSettings(), (client) => listBatches(client, { model, limit }));
  if (json) return printJson({ jobs });
  if (jobs.length === 0)
    return printLine('There are no batch jobs yet. "anneal batch <model> --input <files> --output <folder>" starts one.');
  const rows = jobs.map((job) => [
    job.job,
    job.model,
    job.modelVersion?.split('/').pop() ?? '',
    job.state,
    timestamp(Date.parse(job.startedAt)),
    duration(job.durationMs),
  ]);
  for (const line of table(['JOB', 'MODEL', 'VERSION', 'STATE', 'STARTED (UTC)', 'TIME'], rows)) printLine(line);
  if (jobs.length === limit) printLine(`The newest ${count(limit)}; --limit shows more.`);
}

/** A job that went on under its name, or continued as new, is one job. */
async function listBatches(client: Client, { model, limit }: { readonly model?: string; readonly limit: number }): Promise<BatchSummary[]> {
  const clauses = [
    `WorkflowType = '${workflowTypes.batchInference}'`,
    `ExecutionStatus != 'ContinuedAsNew'`,
    ...(model ? [`WorkflowId STARTS_WITH '${batchWorkflowId(model, '')}'`] : []),
  ];
  const found = new Map<string, BatchSummary>();
  for await (const execution of client.workflow.list({ query: clauses.join(' AND ') })) {
    const { workflowId, status, startTime, closeTime, searchAttributes } = execution;
    const id = parseBatchWorkflowId(workflowId);
    if (!id) continue;
    const startedAt = startTime.toISOString();
    if ((found.get(workflowId)?.startedAt ?? '') > startedAt) continue;
    const [modelVersion] = (searchAttributes.AnnealModelVersion ?? []) as string[];
    found.set(workflowId, {
      ...id,
      workflowId,
      state: stateOf(status.name) as BatchSummary['state'],
      ...(modelVersion ? { modelVersion } : {}),
      startedAt,
      durationMs: (closeTime ?? new Date()).getTime() - startTime.getTime(),
    });
    if (found.size >= limit) break;
  }
  return [...found.values()].toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** Temporal's state in lower case, in the spelling of the status. */
function stateOf(execution: string): string {
  return execution === 'CANCELED' ? 'cancelled' : execution.toLowerCase();
}

/** `anneal batches show`: a job as it is now or was at its end. */
export async function showBatch(job: string, { wait, json }: { readonly wait?: boolean; readonly json?: boolean }): Promise<void> {
  const settings = commandSettings();
  await withTemporal(settings, async (client) => {
    const workflowId = await findBatch(client, job);
    let status: BatchStatus | undefined = await readBatchStatus(client, workflowId);
    if (wait && status.state === 'running') {
      const stop = listenForStop();
      const output = json ? process.stderr : process.stdout;
      status = await watchBatch(client, workflowId, { output, signal: stop.signal }).finally(() => stop.release());
      if (!status) {
        printNote(`The job ${job} goes on. "anneal batches show ${job}" shows how far it is.`);
        process.exitCode = exitCodes.interrupted;
        return;
      }
      process.exitCode = status.state === 'completed' ? exitCodes.done : exitCodes.failed;
    }
    if (json) return printJson(batchReport(settings, status));
    const isRunning = status.state === 'running';
    const underWay = isRunning ? partitionsUnderWay(await client.workflow.getHandle(workflowId).describe()) : [];
    for (const line of batchResultView(status, workflowPage(settings, workflowId), Date.now(), underWay)) printLine(line);
  });
}

/** `anneal batches cancel`: its finished parts stay, and it can go on under its name. */
export async function cancelBatch(job: string, { json }: { readonly json?: boolean }): Promise<void> {
  await withTemporal(commandSettings(), async (client) => {
    const workflowId = await findBatch(client, job);
    const { state } = await readBatchStatus(client, workflowId);
    if (state !== 'running') throw new CommandError(`The job ${job} does not run: it is ${state}.`);
    await client.workflow.getHandle(workflowId).cancel();
    if (json) printJson({ job, workflowId, cancelling: true });
    else printLine(`The job ${job} is being cancelled; its finished parts stay. Started again under its name it goes on.`);
  });
}

/**
 * @param job its name alone, or the id of its workflow
 * @returns the workflow's id
 * @throws CommandError when there is none, or more than one
 */
async function findBatch(client: Client, job: string): Promise<string> {
  if (parseBatchWorkflowId(job)) return job;
  if (!/^[\w.-]+$/.test(job)) throw usageError(`"${job}" is not the name of a job. "anneal batches" lists them.`);
  const found = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = '${workflowTypes.batchInference}'` })) {
    if (parseBatchWorkflowId(workflowId)?.job === job) found.add(workflowId);
    if (found.size > 1) break;
  }
  const [first, ...others] = found;
  if (first === undefined) throw new CommandError(`There is no batch job "${job}". "anneal batches" lists those that exist.`);
  if (others.length > 0) throw usageError(`There are several jobs "${job}". Give the workflow's id instead, for example ${first}.`);
  return first;
}
