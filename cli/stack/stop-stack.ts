import { CommandError } from '../command-error.js';
import { endGroups, signalProcess, waitUntilGone } from './process-identity.js';
import { endStaleStack } from './stack.js';
import { removeStackState, stackCondition } from './stack-state.js';

/** Longer than the workers' grace and the servers' together. */
const gracefulMs = 60_000;

/**
 * Stop the stack of a home from another process.
 *
 * @returns what was there to stop
 * @throws CommandError when a process does not end
 */
export async function stopStack(home: string): Promise<'stopped' | 'cleaned' | 'none'> {
  const condition = stackCondition(home);
  if (condition.kind === 'none') return 'none';
  if (condition.kind === 'unreadable') {
    removeStackState(home);
    return 'none';
  }
  const { state } = condition;
  if (condition.kind === 'stale') {
    await endStaleStack(home, state);
    return 'cleaned';
  }
  signalProcess(state.supervisor, 'SIGTERM');
  if (await waitUntilGone([state.supervisor], gracefulMs)) return 'stopped';
  signalProcess(state.supervisor, 'SIGKILL');
  await endGroups(state.services, 5000);
  if (!(await waitUntilGone([state.supervisor, ...state.services], 1000))) {
    throw new CommandError(
      `The stack did not end: process ${state.supervisor.pid} is still there. Look at it with "ps -fp ${state.supervisor.pid}" and end it, then run "anneal down" again.`,
    );
  }
  removeStackState(home);
  return 'stopped';
}
