import { isMlflowError, MlflowClient } from 'mlflow-ts-client';
import type { Settings } from '../workers/settings.js';
import { CommandError } from './command-error.js';

/** @throws CommandError when MLflow cannot be reached; whatever else `ask` throws */
export async function askRegistry<T>({ mlflow }: Settings, ask: (client: MlflowClient) => Promise<T>): Promise<T> {
  const client = new MlflowClient({ trackingUri: mlflow.trackingUri, auth: mlflow.auth, timeoutMs: 10_000, maxAttempts: 2 });
  try {
    return await ask(client);
  } catch (error) {
    const { errorCode } = error as { errorCode?: string };
    if (errorCode !== 'UNREACHABLE' && errorCode !== 'TIMEOUT') throw error;
    throw new CommandError(
      `MLflow cannot be reached at ${mlflow.trackingUri}. Start the stack with "anneal up" (or "npm start"), or set MLFLOW_TRACKING_URI to the address of a server that runs.`,
      undefined,
      { cause: error },
    );
  }
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
