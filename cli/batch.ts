import { resolve } from 'node:path';
import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { batchFormats, type BatchFormat, type BatchRequest, type BatchStatus } from '../contracts/batch.js';
import { batchWorkflowId } from '../contracts/ids.js';
import { pipelineName } from '../contracts/pipeline/scalars.js';
import { taskQueues } from '../contracts/task-queues.js';
import { workflowTypes } from '../contracts/training-pipeline.js';
import { batchIdentity, differences } from '../ml/batch/batch-identity.js';
import { parseS3Uri } from '../stores/s3-uri.js';
import { openRemoteFiles } from '../stores/open-remote-files.js';
import { batchSource, remoteInputFormat } from './batch-source.js';
import { batchReport, readBatchStatus } from './batch-status.js';
import { inCommandSpan } from './command-tracing.js';
import { exitCodes, usageError } from './command-error.js';
import { workflowPage } from './links.js';
import { printJson, printLine, printNote } from './output.js';
import { batchResultView } from './progress/batch-view.js';
import { watchBatch } from './progress/watch-batch.js';
import { newRunId } from './run-id.js';
import { commandSettings } from './settings.js';
import { listenForStop } from './stack/stop-signal.js';
import { withTemporal } from './temporal.js';

export interface BatchOptions {
  readonly input: readonly string[];
  readonly inputFormat?: string;
  readonly source?: readonly string[];
  readonly output: string;
  readonly format: string;
  readonly job?: string;
  readonly modelVersion?: string;
  /** `a,b`; false for nothing. */
  readonly keep?: string | false;
  readonly rejectOutOfRange?: boolean;
  readonly maxRejects: number;
  readonly concurrency: number;
  readonly partitionRows: number;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** `anneal batch`: start a job, or let one that was interrupted go on, and with `--wait` show it to its end. Ctrl-C leaves it going. */
export async function batch(model: string, options: BatchOptions): Promise<void> {
  const settings = commandSettings(process.env, { sendsSpans: true });
  const inputFormat = options.inputFormat ?? (await remoteInputFormat(options.input[0], openRemoteFiles(settings.s3)));
  const request = requestOf(model, inputFormat === undefined ? options : { ...options, inputFormat });
  const workflowId = batchWorkflowId(model, request.job);
  const page = workflowPage(settings, workflowId);
  const { wait, json } = options;
  const say = json ? printNote : printLine;
  await withTemporal(settings, async (client) => {
    const attributes = { 'anneal.model.name': model, 'anneal.job': request.job };
    const existing = await inCommandSpan(settings, 'anneal batch', attributes, () => startJob(client, workflowId, request));
    if (existing?.state === 'completed') {
      say(`The job ${request.job} of ${model} has finished already; nothing was done.`);
      return report(existing);
    }
    if (!wait) {
      if (json)
        printJson({ job: request.job, status: 'running', model, workflowId, directory: request.directory, links: { temporal: page } });
      else
        printLine(
          `${existing ? 'The job goes on already:' : 'Started'} job ${request.job} of ${model}. "anneal batches show ${request.job}" shows it, so does ${page}.`,
        );
      return undefined;
    }
    if (!json) say(`Job ${request.job} of ${model}: ${page}`);
    const stop = listenForStop();
    const output = json ? process.stderr : process.stdout;
    const ended = await watchBatch(client, workflowId, { output, signal: stop.signal }).finally(() => stop.release());
    if (ended) return report(ended);
    say(`The job ${request.job} goes on. "anneal batches show ${request.job}" shows how far it is.`);
    process.exitCode = exitCodes.interrupted;
    return undefined;
  });

  function report(status: BatchStatus): void {
    if (json) printJson(batchReport(settings, status));
    else for (const line of ['', ...batchResultView(status, page)]) printLine(line);
    process.exitCode = status.state === 'completed' ? exitCodes.done : exitCodes.failed;
  }
}

/** @throws CommandError (usage) */
export function requestOf(model: string, options: BatchOptions): BatchRequest {
  if (!pipelineName.safeParse(model).success) throw usageError(`"${model}" is not the name of a model. "anneal models" lists them.`);
  const { job = newRunId(), format, keep, maxRejects } = options;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(job))
    throw usageError(`"${job}" cannot name a job. Use letters, digits, "_", "." and "-", at most 63.`);
  if (!batchFormats.includes(format as BatchFormat))
    throw usageError(`"${format}" is not a format that a job writes. Give --format ${batchFormats.join('|')}.`);
  const isS3 = parseS3Uri(options.output) !== undefined;
  if (!isS3 && /^[a-z][a-z0-9+.-]*:\/\//i.test(options.output))
    throw usageError(
      `The output "${options.output}" is neither a folder nor s3://<bucket>/<prefix>. Give one that the data workers can write to, and copy it from there.`,
    );
  if (!(maxRejects >= 0 && maxRejects <= 1)) throw usageError('--max-rejects is a share of the rows, from 0 to 1.');
  return {
    model,
    job,
    ...(options.modelVersion === undefined ? {} : { version: options.modelVersion }),
    source: batchSource(options.input, options.inputFormat, options.source),
    directory: isS3 ? options.output.replace(/\/+$/, '') : resolve(options.output),
    format: format as BatchFormat,
    keep: keep === false ? [] : keep === undefined ? 'all' : keep.split(',').map((name) => name.trim()),
    rejectOutOfRange: options.rejectOutOfRange === true,
    maxRejected: maxRejects,
    concurrency: options.concurrency,
    partitionRows: options.partitionRows,
  };
}

/**
 * @returns the job of that name, where it runs or has finished; undefined when it was started now
 * @throws CommandError (usage) when that one is for something else
 */
async function startJob(client: Client, workflowId: string, request: BatchRequest): Promise<BatchStatus | undefined> {
  try {
    await client.workflow.start(workflowTypes.batchInference, {
      workflowId,
      taskQueue: taskQueues.orchestration,
      args: [{ request }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      staticSummary: `${request.model}: predictions into ${request.directory}`.slice(0, 190),
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  const handle: WorkflowHandle = client.workflow.getHandle(workflowId);
  const status = await readBatchStatus(client, handle.workflowId);
  const other = differences(batchIdentity(status.request), batchIdentity(request));
  const asked = request.version;
  if (asked !== undefined && /^\d+$/.test(asked) && status.version !== undefined && status.version !== asked) other.push('--model-version');
  if (other.length === 0) return status;
  throw usageError(
    `There is a job ${request.job} of ${request.model} already, ${status.state}, with another ${other.join(', ')}. Start it as it was begun, or give this one a name of its own (--job).`,
  );
}
