import type { Settings } from '../../workers/settings.js';
import { CommandError } from '../command-error.js';
import { HostAway, type HostAccess, HostClient } from '../predict/host-client.js';
import { connectTemporal } from '../temporal.js';

const healthTimeoutMs = 2000;

/** Whether the server answers for the namespace; a frontend that listens may still be without it. */
export async function isTemporalServing(settings: Settings): Promise<boolean> {
  const temporal = await connectTemporal(settings, 1500).catch(() => undefined);
  if (!temporal) return false;
  try {
    const { connection } = temporal;
    const { namespace } = settings.temporal;
    await connection.withDeadline(Date.now() + 3000, () => connection.workflowService.describeNamespace({ namespace }));
    return true;
  } catch {
    return false;
  } finally {
    await temporal.connection.close();
  }
}

export function isMlflowHealthy(trackingUri: string): Promise<boolean> {
  return isOk(`${trackingUri}/health`);
}

export interface HostHealth {
  /** It has a process that answers. */
  readonly answers: boolean;
  /** It serves what it should. Absent where it does not answer. */
  readonly ready?: boolean;
  /** Why it cannot be asked, where it may well run, and what to do. */
  readonly problem?: string;
}

export async function hostHealth(httpUrl: string, access: HostAccess): Promise<HostHealth> {
  try {
    const client = new HostClient(access, healthTimeoutMs);
    await client.ask(`${httpUrl}/v2/health/live`);
    const ready = await client.ask(`${httpUrl}/v2/health/ready`).then(
      () => true,
      () => false,
    );
    return { answers: true, ready };
  } catch (error) {
    return { answers: false, ...(error instanceof CommandError && !(error instanceof HostAway) ? { problem: error.message } : {}) };
  }
}

async function isOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(healthTimeoutMs) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * Make sure that the servers that others run are there.
 *
 * @throws CommandError that names the variable and the address
 */
export async function requireExternalServers(settings: Settings): Promise<void> {
  const { temporal, mlflow } = settings;
  const [temporalIsThere, mlflowIsThere] = await Promise.all([
    temporal.external ? isTemporalServing(settings) : true,
    mlflow.external ? isMlflowHealthy(mlflow.trackingUri) : true,
  ]);
  if (!temporalIsThere) {
    throw new CommandError(
      `TEMPORAL_ADDRESS is set to ${temporal.address}, but no Temporal server with the namespace "${temporal.namespace}" answers there. Start that server or correct TEMPORAL_ADDRESS (and TEMPORAL_NAMESPACE), or unset TEMPORAL_ADDRESS to let Anneal start a server of its own.`,
    );
  }
  if (!mlflowIsThere) {
    throw new CommandError(
      `MLFLOW_TRACKING_URI is set to ${mlflow.trackingUri}, but no MLflow server answers there (asked ${mlflow.trackingUri}/health). Start that server or correct MLFLOW_TRACKING_URI, or unset it to let Anneal start a server of its own.`,
    );
  }
}
