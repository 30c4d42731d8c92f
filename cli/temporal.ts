import { Client, Connection, type ClientInterceptors } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Settings } from '../workers/settings.js';
import { flushSpans, traceInterceptors } from './command-tracing.js';
import { accepts } from './stack/ports.js';

export interface TemporalConnection {
  readonly client: Client;
  readonly connection: Connection;
}

/**
 * Connect the command to Temporal. TLS, API key and further options come from Temporal's own variables and `temporal.toml`.
 *
 * @throws when the server does not answer in time
 */
export async function connectTemporal(
  settings: Settings,
  timeoutMs = 5000,
  interceptors: ClientInterceptors = {},
): Promise<TemporalConnection> {
  const { connectionOptions } = loadClientConnectConfig();
  const { address, namespace } = settings.temporal;
  await requireListener(address);
  const connection = await Connection.connect({ ...connectionOptions, address, connectTimeout: timeoutMs });
  return { connection, client: new Client({ connection, namespace, interceptors }) };
}

/** gRPC tries again until its deadline; on this machine a refused connection says at once that no server runs. */
async function requireListener(address: string): Promise<void> {
  const local = /^(127\.0\.0\.1|localhost):(\d+)$/.exec(address);
  if (local && !(await accepts(Number(local[2]), local[1]))) throw new Error(`ECONNREFUSED ${address}`);
}

/** Connect, do something, and close the connection whatever happens. */
export async function withTemporal<T>(settings: Settings, work: (client: Client) => Promise<T>): Promise<T> {
  const { client, connection } = await connectTemporal(settings, undefined, await traceInterceptors(settings));
  try {
    return await work(client);
  } finally {
    await Promise.all([connection.close(), flushSpans()]);
  }
}
