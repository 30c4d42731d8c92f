import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { parsePipelineWorkflowId, pipelineWorkflowId } from '../contracts/ids.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { describeSource } from '../contracts/pipeline/source.js';
import { taskQueues } from '../contracts/task-queues.js';
import { statusQuery, workflowTypes, type PipelineStatus, type TrainingPipelineInput } from '../contracts/training-pipeline.js';
import { CommandError, usageError } from './command-error.js';
import { newRunId } from './run-id.js';

export interface RunSummary {
  readonly run: string;
  readonly pipeline: string;
  readonly workflowId: string;
  /** `promoted`, `rejected`, `awaiting-override`, `awaiting-approval`, else Temporal's state in lower case: `running`, `failed`, `cancelled`, `terminated`, … */
  readonly state: string;
  readonly stage?: string;
  /** `<model>/<version>` */
  readonly modelVersion?: string;
  /** Primary metric on the test split. */
  readonly metric?: number;
  readonly startedAt: string;
  readonly durationMs?: number;
}

/**
 * Start a run of a pipeline.
 *
 * @returns the id of its workflow
 */
export async function startRun(client: Client, spec: PipelineSpec): Promise<string> {
  const workflowId = pipelineWorkflowId(spec.name, newRunId());
  const input: TrainingPipelineInput = { spec };
  await client.workflow.start(workflowTypes.trainingPipeline, {
    workflowId,
    taskQueue: taskQueues.orchestration,
    args: [input],
    ...runDescription(spec),
  });
  return workflowId;
}

/** What Temporal's UI shows of a run from the start. */
export function runDescription(spec: PipelineSpec): { staticSummary: string; staticDetails?: string } {
  return {
    staticSummary:
      `${spec.name}: ${spec.target.task} model of ${spec.target.name} from ${describeSource(spec.source).split('/').pop()}`.slice(0, 190),
    ...(spec.description ? { staticDetails: spec.description } : {}),
  };
}

/** @returns the newest runs first, those of one pipeline or of all; one that was reset in Temporal once, as it is now */
export async function listRuns(
  client: Client,
  { pipeline, state, limit }: { readonly pipeline?: string; readonly state?: 'Running'; readonly limit: number },
): Promise<RunSummary[]> {
  if (pipeline !== undefined && !/^[a-z0-9-]+$/.test(pipeline)) throw usageError(`"${pipeline}" is not the name of a pipeline.`);
  const clauses = [
    `WorkflowType = '${workflowTypes.trainingPipeline}'`,
    ...(pipeline ? [`WorkflowId STARTS_WITH '${pipelineWorkflowId(pipeline, '')}'`] : []),
    ...(state ? [`ExecutionStatus = '${state}'`] : []),
  ];
  const found = new Map<string, RunSummary>();
  for await (const execution of client.workflow.list({ query: clauses.join(' AND ') })) {
    const summary = summarize(execution);
    // Temporal lists what runs first, then by the time of closing, so of a run that was reset the present execution comes first.
    if (summary && !found.has(summary.workflowId)) found.set(summary.workflowId, summary);
    if (found.size >= limit) break;
  }
  return [...found.values()].sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

function summarize({ workflowId, status, startTime, closeTime, searchAttributes }: WorkflowExecutionInfo): RunSummary | undefined {
  const id = parsePipelineWorkflowId(workflowId);
  if (!id) return undefined;
  const [stage] = (searchAttributes.AnnealStage ?? []) as string[];
  const [modelVersion] = (searchAttributes.AnnealModelVersion ?? []) as string[];
  const [metric] = (searchAttributes.AnnealMetric ?? []) as number[];
  return {
    ...id,
    workflowId,
    state: stateOf(status.name, stage),
    stage,
    modelVersion,
    metric,
    startedAt: startTime.toISOString(),
    durationMs: (closeTime ?? new Date()).getTime() - startTime.getTime(),
  };
}

/** Of one that goes on, what it waits for; of one that has ended, how. */
function stateOf(execution: string, stage: string | undefined): string {
  const isTold = execution === 'COMPLETED' || (execution === 'RUNNING' && stage?.startsWith('awaiting-') === true);
  return isTold && stage !== undefined ? stage : execution.toLowerCase();
}

/**
 * Find a run by its id alone or by its workflow's id.
 *
 * @returns the workflow's id
 * @throws CommandError when there is none, or more than one
 */
export async function findRun(client: Client, run: string): Promise<string> {
  if (parsePipelineWorkflowId(run)) return run;
  if (!/^[\w.:-]+$/.test(run)) {
    throw usageError(`"${run}" is not the id of a run. Ids look like 20261123-214500-x7k2; "anneal runs" lists them.`);
  }
  // A run that was reset in Temporal is listed once for each execution, with one id.
  const found = new Set<string>();
  for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = '${workflowTypes.trainingPipeline}'` })) {
    if (parsePipelineWorkflowId(workflowId)?.run === run) found.add(workflowId);
    if (found.size > 1) break;
  }
  const [first] = found;
  if (first === undefined) {
    // A run that was started a moment ago may not be listed yet, but its pipeline's name would be needed to ask for it.
    throw new CommandError(`There is no run "${run}". "anneal runs" lists the runs that exist.`);
  }
  if (found.size > 1) throw usageError(`There are several runs "${run}". Give the workflow's id instead, for example ${first}.`);
  return first;
}

/**
 * Ask a run for its status; also one that has ended, as long as a worker for workflows runs.
 *
 * @throws CommandError when no worker answers
 */
export async function readRunStatus(client: Client, workflowId: string): Promise<PipelineStatus> {
  try {
    return await client.workflow.getHandle(workflowId).query(statusQuery);
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') {
      throw new CommandError(`There is no run with the workflow id ${workflowId}. "anneal runs" lists the runs that exist.`, undefined, {
        cause: error,
      });
    }
    if (/no poller|deadline|DEADLINE|timed? ?out/i.test(`${(error as Error).message} ${(error as { cause?: Error }).cause?.message}`)) {
      throw new CommandError(
        `The run ${workflowId} exists, but no orchestration worker answers for it. Start the workers with "anneal up" and ask again; its history stands in Temporal's UI meanwhile.`,
        undefined,
        { cause: error },
      );
    }
    throw error;
  }
}
