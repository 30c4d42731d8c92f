import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import { modelWorkflowId } from '../contracts/ids.js';
import { promoteUpdate, rollbackUpdate, servingStateQuery, type RolloutResult, type ServingState } from '../contracts/serving.js';
import { taskQueues } from '../contracts/task-queues.js';
import { workflowTypes, type ModelLifecycleInput } from '../contracts/training-pipeline.js';
import { CommandError } from './command-error.js';
import { printJson, printLine } from './output.js';
import { requireVersion } from './registry.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

export interface PromoteOptions {
  readonly reason: string;
  readonly minHosts: number;
  readonly json?: boolean;
}

const hostWaitSeconds = 60;

/** `anneal promote`: make a registered version the champion; returns when the fleet serves it. */
export async function promote(model: string, version: string, { reason, minHosts, json }: PromoteOptions): Promise<void> {
  const settings = commandSettings();
  await requireVersion(settings, model, version);
  const result = await withTemporal(settings, (client) => {
    const input: ModelLifecycleInput = { model };
    const start = new WithStartWorkflowOperation(workflowTypes.modelLifecycle, {
      workflowId: modelWorkflowId(model),
      taskQueue: taskQueues.orchestration,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    return client.workflow.executeUpdateWithStart(promoteUpdate, {
      startWorkflowOperation: start,
      args: [{ version, reason, minHosts, hostWaitSeconds }],
    });
  });
  sayRollout(result, json);
}

/** `anneal rollback`: back to the previous champion. */
export async function rollback(model: string, { reason, json }: Omit<PromoteOptions, 'minHosts'>): Promise<void> {
  const result = await withTemporal(commandSettings(), (client) =>
    lifecycleCall(model, () =>
      client.workflow.getHandle(modelWorkflowId(model)).executeUpdate(rollbackUpdate, { args: [{ reason, hostWaitSeconds }] }),
    ),
  );
  sayRollout(result, json);
}

/** @throws CommandError when the model has never been promoted */
export function readServingState(client: Client, model: string): Promise<ServingState> {
  return lifecycleCall(model, () => client.workflow.getHandle(modelWorkflowId(model)).query(servingStateQuery));
}

async function lifecycleCall<T>(model: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if ((error as Error).name !== 'WorkflowNotFoundError') throw error;
    throw new CommandError(
      `There is no model "${model}" that serves. "anneal models" lists the models; "anneal promote ${model} <version>" makes a version serve.`,
      undefined,
      { cause: error },
    );
  }
}

function sayRollout(result: RolloutResult, json: boolean | undefined): void {
  if (json) return printJson(result);
  const { model, version, epoch, acknowledged, unreachable } = result;
  printLine(`${model} version ${version} is the champion (epoch ${epoch}); served by ${acknowledged.join(', ') || 'no host yet'}.`);
  if (unreachable.length > 0) printLine(`Did not answer, and will take it up by themselves: ${unreachable.join(', ')}.`);
}
