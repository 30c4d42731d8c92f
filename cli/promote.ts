import { WithStartWorkflowOperation, type Client } from '@temporalio/client';
import colors from 'picocolors';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { modelWorkflowId } from '../contracts/ids.js';
import {
  promoteUpdate,
  rollbackUpdate,
  servingStateQuery,
  type PromoteInput,
  type RolloutResult,
  type ServedVersion,
  type ServingState,
} from '../contracts/serving.js';
import { taskQueues } from '../contracts/task-queues.js';
import { workflowTypes, type ModelLifecycleInput } from '../contracts/training-pipeline.js';
import { checkFallback, withWarnings } from '../stores/serving-checks.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import type { Settings } from '../workers/settings.js';
import { CommandError } from './command-error.js';
import { printJson, printLine, printNote } from './output.js';
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
  const result = await withTemporal(settings, async (client) => {
    const input: ModelLifecycleInput = { model };
    const start = new WithStartWorkflowOperation(workflowTypes.modelLifecycle, {
      workflowId: modelWorkflowId(model),
      taskQueue: taskQueues.orchestration,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    const args: [PromoteInput] = [{ version, reason, minHosts, hostWaitSeconds }];
    return warned(client, settings, await client.workflow.executeUpdateWithStart(promoteUpdate, { startWorkflowOperation: start, args }));
  });
  sayRollout(result, json);
}

/** `anneal rollback`: back to the previous champion. */
export async function rollback(model: string, { reason, json }: Omit<PromoteOptions, 'minHosts'>): Promise<void> {
  const settings = commandSettings();
  const result = await withTemporal(settings, async (client) => {
    const lifecycle = client.workflow.getHandle(modelWorkflowId(model));
    const args: [{ reason: string; hostWaitSeconds: number }] = [{ reason, hostWaitSeconds }];
    return warned(client, settings, await lifecycleCall(model, () => lifecycle.executeUpdate(rollbackUpdate, { args })));
  });
  sayRollout(result, json);
}

/** What the serving policy of a model's champion lacks; undefined when that is nothing. */
export async function servingProblem(client: Client, store: ArtifactStore, { champion }: ServingState): Promise<string | undefined> {
  return champion && checkFallback(store, champion, championsOf(client));
}

/** @returns undefined when the model has never been promoted */
export function servingStateIfAny(client: Client, model: string): Promise<ServingState | undefined> {
  return readServingState(client, model).catch((error: unknown) => {
    if (error instanceof CommandError) return undefined;
    throw error;
  });
}

async function warned(client: Client, settings: Settings, result: RolloutResult): Promise<RolloutResult> {
  const store = await openArtifactStore(settings);
  return withWarnings(store, result, await readServingState(client, result.model), championsOf(client));
}

function championsOf(client: Client): (model: string) => Promise<ServedVersion | undefined> {
  return async (model) => (await servingStateIfAny(client, model))?.champion;
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
  const { model, version, epoch, acknowledged, unreachable, warnings = [] } = result;
  printLine(`${model} version ${version} is the champion (epoch ${epoch}); served by ${acknowledged.join(', ') || 'no host yet'}.`);
  if (unreachable.length > 0) printLine(`Did not answer, and will take it up by themselves: ${unreachable.join(', ')}.`);
  for (const warning of warnings) printNote(colors.yellow(`Warning: ${warning}`));
}
