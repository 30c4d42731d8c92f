import type { Client } from '@temporalio/client';
import { overrideValidationUpdate, type PipelineStatus, recheckSourceUpdate } from '../contracts/training-pipeline.js';
import { CommandError, usageError } from './command-error.js';
import { printJson, printLine } from './output.js';
import { findRun, readRunStatus } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

/**
 * Let a run go on with data that do not meet its expectations.
 *
 * @throws when the run does not wait for it, or nothing is left of its data (the workflow refuses the update)
 */
export async function overrideValidation(
  run: string,
  { reason, json }: { readonly reason: string; readonly json?: boolean },
): Promise<void> {
  if (reason.trim() === '') throw usageError('The reason is empty. Say in --reason why; it is kept with the run and the model version.');
  const workflowId = await decide(run, (client, id) =>
    client.workflow.getHandle(id).executeUpdate(overrideValidationUpdate, { args: [{ reason }] }),
  );
  if (json) printJson({ run, workflowId, decision: 'override', reason });
  else printLine(`The run ${run} goes on with its data as they are. "anneal show ${run}" shows it.`);
}

/**
 * Let a run that waits for a decision about its data read the source again. For a run that goes on there is nothing to do.
 *
 * @throws CommandError when the run has ended
 */
export async function recheckSource(run: string, { json }: { readonly json?: boolean }): Promise<void> {
  let goesOn: string | undefined;
  const workflowId = await decide(run, async (client, id) => {
    goesOn = nothingToRecheck(run, await readRunStatus(client, id));
    if (goesOn === undefined) await client.workflow.getHandle(id).executeUpdate(recheckSourceUpdate);
  });
  if (json) printJson({ run, workflowId, decision: goesOn === undefined ? 'recheck' : 'none' });
  else if (goesOn !== undefined) printLine(goesOn);
  else printLine(`The run ${run} reads its source again. "anneal show ${run} --wait" shows what comes of it.`);
}

/** Why a run need not look at its source again, a sentence; undefined where it waits for that, or has ended. Pure. */
export function nothingToRecheck(run: string, { state }: Pick<PipelineStatus, 'state'>): string | undefined {
  if (state !== 'running' && state !== 'awaiting-approval') return undefined;
  const stands = state === 'running' ? 'goes on' : 'waits for approval, not for its data';
  return `The run ${run} ${stands}: there is nothing to check again. "anneal show ${run}" shows it.`;
}

async function decide(run: string, update: (client: Client, workflowId: string) => Promise<void>): Promise<string> {
  return withTemporal(commandSettings(), async (client) => {
    const id = await findRun(client, run);
    try {
      await update(client, id);
    } catch (error) {
      if ((error as Error).name !== 'WorkflowNotFoundError') throw error;
      const { state } = await readRunStatus(client, id);
      throw new CommandError(
        `The run ${run} does not wait for a decision about its data: it has ended (${state}). Start a new run with "anneal run"; "anneal show ${run}" shows the old one.`,
        undefined,
        { cause: error },
      );
    }
    return id;
  });
}
