import { approveUpdate, rejectUpdate } from '../contracts/training-pipeline.js';
import { CommandError, usageError } from './command-error.js';
import { printJson, printLine } from './output.js';
import { findRun, readRunStatus } from './runs.js';
import { commandSettings } from './settings.js';
import { withTemporal } from './temporal.js';

/**
 * Approve or reject a run that waits for it.
 *
 * @throws when the run does not wait for approval (the workflow refuses the update)
 */
export async function decide(
  run: string,
  decision: 'approve' | 'reject',
  { reason, json }: { readonly reason: string; readonly json?: boolean },
): Promise<void> {
  if (reason.trim() === '') throw usageError('The reason is empty. Say in --reason why; it is kept with the run.');
  const workflowId = await withTemporal(commandSettings(), async (client) => {
    const id = await findRun(client, run);
    try {
      await client.workflow.getHandle(id).executeUpdate(decision === 'approve' ? approveUpdate : rejectUpdate, { args: [{ reason }] });
    } catch (error) {
      if ((error as Error).name !== 'WorkflowNotFoundError') throw error;
      const { state } = await readRunStatus(client, id);
      throw new CommandError(
        `The run ${run} does not wait for approval: it has ended (${state}). "anneal show ${run}" shows it; "anneal promote" and "anneal rollback" change what serves.`,
        undefined,
        { cause: error },
      );
    }
    return id;
  });
  if (json) printJson({ run, workflowId, decision, reason });
  else
    printLine(
      `The run ${run} is ${decision === 'approve' ? 'approved; its version is being promoted' : 'rejected'}. "anneal show ${run}" shows it.`,
    );
}
