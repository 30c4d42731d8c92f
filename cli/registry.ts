import { setTimeout as sleep } from 'node:timers/promises';
import { isMlflowError, MlflowClient } from 'mlflow-ts-client';
import type { Settings } from '../workers/settings.js';
import { CommandError } from './command-error.js';
import { printNote } from './output.js';
import { logPath } from './stack/log-file.js';
import { stackCondition } from './stack/stack-state.js';

/** An MLflow that died is back after 16 s on two cores, and later where others use them. */
const restartMs = 40_000;
const retryMs = 500;

/**
 * Ask MLflow. Where the stack runs whose MLflow it is, and it does not answer, it is being started again: it is waited for, with a
 * word on stderr.
 *
 * @param ask safe to repeat
 * @param waitMs at most, for an MLflow that is being started again
 * @throws CommandError when MLflow cannot be reached; whatever else `ask` throws
 */
export async function askRegistry<T>(settings: Settings, ask: (client: MlflowClient) => Promise<T>, waitMs = restartMs): Promise<T> {
  const { trackingUri, auth } = settings.mlflow;
  const client = new MlflowClient({ trackingUri, auth, timeoutMs: 10_000, maxAttempts: 2 });
  let until: number | undefined;
  for (;;) {
    try {
      return await ask(client);
    } catch (error) {
      if (!isAway(error)) throw error;
      const isOwn = ownMlflow(settings);
      if (!isOwn || (until !== undefined && performance.now() >= until)) throw away(settings, isOwn, error);
      if (until === undefined) {
        printNote(`MLflow does not answer at ${trackingUri} yet; the stack runs and starts it again. Waiting up to ${waitMs / 1000} s.`);
        until = performance.now() + waitMs;
      }
      await sleep(retryMs);
    }
  }
}

function isAway(error: unknown): boolean {
  const { errorCode } = error as { errorCode?: string };
  return errorCode === 'UNREACHABLE' || errorCode === 'TIMEOUT';
}

/** Whether a stack runs in this home that started the MLflow of the settings, and keeps it running. */
function ownMlflow({ home, mlflow }: Settings): boolean {
  const stack = stackCondition(home);
  if (stack.kind !== 'running') return false;
  const { trackingUri, external } = stack.state.settings.mlflow;
  return !external && trackingUri === mlflow.trackingUri;
}

function away({ home, mlflow }: Settings, isOwn: boolean, cause: unknown): CommandError {
  const { trackingUri, external } = mlflow;
  const advice = isOwn
    ? `The stack runs and keeps starting it: "anneal status" shows whether it is back, ${logPath(home, 'mlflow')} what keeps it. Try again then.`
    : external
      ? 'MLFLOW_TRACKING_URI names that server: start it, or correct the address.'
      : 'Start the stack with "anneal up" (or "npm start"), or set MLFLOW_TRACKING_URI to the address of a server that runs.';
  return new CommandError(`MLflow cannot be reached at ${trackingUri}. ${advice}`, undefined, { cause });
}

/** A name that is mistyped must not become a lifecycle of its own. @throws CommandError when the registry has no such version */
export async function requireVersion(settings: Settings, model: string, version: string): Promise<void> {
  const found = await askRegistry(settings, (client) =>
    client.versions.get(model, version).catch((error: unknown) => {
      if (isMlflowError(error, 'INVALID_PARAMETER_VALUE')) return undefined; // e.g. a version that is no number
      throw error;
    }),
  );
  if (found) return;
  throw new CommandError(
    `The registry has no version "${version}" of a model "${model}". "anneal models" lists the models, their newest version and their champion.`,
  );
}
