import { Client, type ClientInterceptors } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Runtime, type Logger, type LogLevel, type LogMetadata } from '@temporalio/worker';
import { pino, type Logger as Pino } from 'pino';
import type { Settings } from './settings.js';
import type { TemporalTracing } from './temporal-tracing.js';

/** JSON lines on stdout, one object a line; they are kept back while stdout cannot be written, as on a full disk. */
export function createLogger(settings: Settings, name: string): Pino {
  const stdout = pino.destination(1);
  stdout.on('error', () => undefined);
  // Temporal's workers log a failed attempt under `error`, which pino by itself would write as {}.
  return pino({ name, level: settings.logLevel, serializers: { error: pino.stdSerializers.err } }, stdout);
}

class TemporalLogger implements Logger {
  constructor(private readonly target: Pino) {}

  log(level: LogLevel, message: string, metadata: LogMetadata = {}): void {
    this.target[level.toLowerCase() as Lowercase<LogLevel>](metadata, message);
  }
  trace(message: string, metadata?: LogMetadata): void {
    this.log('TRACE', message, metadata);
  }
  debug(message: string, metadata?: LogMetadata): void {
    this.log('DEBUG', message, metadata);
  }
  info(message: string, metadata?: LogMetadata): void {
    this.log('INFO', message, metadata);
  }
  warn(message: string, metadata?: LogMetadata): void {
    this.log('WARN', message, metadata);
  }
  error(message: string, metadata?: LogMetadata): void {
    this.log('ERROR', message, metadata);
  }
}

/** Once a process, before the first connection. Signals are handled by the process itself. */
export function installRuntime(logger: Pino): void {
  Runtime.install({
    logger: new TemporalLogger(logger),
    shutdownSignals: [],
    workerHeartbeatInterval: '10s',
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
}

/** Loads OpenTelemetry in a process that has an endpoint for spans, and in no other. */
export async function startTemporalTracing(settings: Settings, logger: Pino, kind: string): Promise<TemporalTracing | undefined> {
  if (!settings.tracing) return undefined;
  const { traceTemporal } = await import('./temporal-tracing.js');
  const onProblem = (problem: string): void => logger.warn({ problem }, 'spans cannot be sent; going on without them');
  return traceTemporal({ serviceName: `anneal-${kind}`, onProblem });
}

export interface TemporalHandle {
  readonly connection: NativeConnection;
  readonly client: Client;
  readonly namespace: string;
}

/**
 * Connect as the settings say; TLS, API key and further options come from Temporal's own variables and `temporal.toml`.
 *
 * @throws when the server cannot be reached; safe to retry
 */
export async function connectTemporal(settings: Settings, interceptors: ClientInterceptors = {}): Promise<TemporalHandle> {
  const { connectionOptions } = loadClientConnectConfig();
  const connection = await NativeConnection.connect({ ...connectionOptions, address: settings.temporal.address });
  const { namespace } = settings.temporal;
  return { connection, namespace, client: new Client({ connection, namespace, interceptors }) };
}

/** Keep trying to connect until it succeeds or `signal` is aborted; the server may still be starting. */
export async function connectTemporalPatiently(
  settings: Settings,
  logger: Pino,
  signal?: AbortSignal,
  interceptors?: ClientInterceptors,
): Promise<TemporalHandle> {
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await connectTemporal(settings, interceptors);
    } catch (error) {
      if (attempt % 20 === 4)
        logger.warn({ address: settings.temporal.address, error: String(error) }, 'Temporal cannot be reached yet; still trying');
      await new Promise((resolve) => setTimeout(resolve, Math.min(2000, 100 * 1.5 ** attempt)));
    }
  }
}
