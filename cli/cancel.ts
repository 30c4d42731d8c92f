import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { CommandError } from './command-error.js';
import { printJson, printLine } from './output.js';
import { findRun } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

/** A training ends within two seconds; stages that call other systems take longer. */
const waitMs = 15_000;
const lookEveryMs = 200;
const whatNext = '"anneal run" starts another one; Temporal\'s Reset lets this one go on from its checkpoint (docs/operations.md).';

/**
 * `anneal cancel`: end a run, and wait a while for its end. Safe to repeat.
 *
 * @throws CommandError when there is no such run, or it has ended
 */
export async function cancel(run: string, { json }: { readonly json?: boolean }): Promise<void> {
  await withTemporal(commandSettings(), async (client) => {
    const workflowId = await findRun(client, run);
    const handle = client.workflow.getHandle(workflowId);
    const state = await stateOf(handle).catch((error: Error) => {
      if (error.name !== 'WorkflowNotFoundError') throw error;
      throw new CommandError(`There is no run "${run}". "anneal runs" lists the runs that exist.`, undefined, { cause: error });
    });
    if (state !== 'running') throw new CommandError(`The run ${run} does not run: it has ended (${state}). "anneal show ${run}" shows it.`);
    await handle.cancel();
    let now = await stateOf(handle);
    for (const until = performance.now() + waitMs; now === 'running' && performance.now() < until; now = await stateOf(handle))
      await sleep(lookEveryMs);
    if (json) printJson({ run, workflowId, state: now === 'running' ? 'cancelling' : now });
    else if (now === 'running') printLine(`The run ${run} is being cancelled: a stage of it still ends. "anneal show ${run}" shows it.`);
    else if (now === 'cancelled') printLine(`The run ${run} is cancelled. ${whatNext}`);
    else printLine(`The run ${run} had ended before it could be cancelled (${now}). "anneal show ${run}" shows it.`);
  });
}

/** Temporal's state, in the spelling of the command. */
async function stateOf(handle: WorkflowHandle): Promise<string> {
  const { status } = await handle.describe();
  return status.name.toLowerCase();
}
