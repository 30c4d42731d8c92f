import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { hostTaskQueue } from '../contracts/task-queues.js';
import { VersionLoader } from '../serving/loader/version-loader.js';
import { openArtifactStore } from '../stores/open-artifact-store.js';
import { InferenceHost } from './inference/inference-host.js';
import { keepRestored } from './inference/keep-restored.js';
import { LogParquet } from './inference/log-parquet.js';
import { planServing } from './inference/plan-serving.js';
import { PredictionLogKeeper } from './inference/prediction-log-keeper.js';
import { isLoopback, protectionWarnings } from './inference/protection.js';
import { ProtectionFiles, type ProtectionEvents } from './inference/protection-files.js';
import { ServingPool } from './inference/serving-pool.js';
import { keepTemporalLink } from './inference/temporal-link.js';
import { VersionCache } from './inference/version-cache.js';
import { makeWritable } from './inference/writable-folder.js';
import { createLogger, installRuntime, startTemporalTracing } from './runtime.js';
import { orphanMs } from '../serving/orphan.js';
import { readSettings, type Settings } from './settings.js';

/** A parent is told that the host is up after this long at the latest: Temporal may be away. */
const readyAtLatestMs = 5000;
const lastCollectionMs = 3000;

/**
 * The supervisor of one inference host. It serves from the local cache at once, and follows the lifecycles of the models
 * whenever Temporal is there.
 *
 * Says `{type: 'ready'}` to a parent process once HTTP and gRPC listen. On SIGTERM, SIGINT or when the parent vanishes it turns
 * "not ready", finishes the requests and activities that it has, and returns.
 *
 * @throws Error that names the variable to set when an address, a certificate, a key, the file of tokens or its folder cannot be used
 */
async function superviseHost(settings: Settings, logger: Logger, stop: AbortSignal): Promise<void> {
  // Before anything that takes time: what is wrong here is for the person who starts the host.
  const protectionFiles = new ProtectionFiles(settings.serving);
  const protection = protectionFiles.read();
  const directory = join(settings.home, 'inference', settings.hostId);
  await makeWritable(directory);
  const store = await openArtifactStore(settings);
  const cache = await VersionCache.open(directory, store, (damage) =>
    logger.warn({ damage }, 'a file of a model on this disk is damaged; fetching it from the artifact store again'),
  );
  const logDirectory = join(settings.home, 'prediction-log', settings.hostId);
  // Of this process alone: another one that was started by mistake must not take the images away.
  const images = join(directory, 'prepared');
  const loader = await VersionLoader.open(join(images, String(process.pid)), { placement: settings.serving.placement });
  const host = await InferenceHost.open({ hostId: settings.hostId, cache, loader, logger });
  const plan = await planServing(settings.serving);
  if (!protection.access && !isLoopback(settings.httpHost))
    logger.warn(
      { host: settings.httpHost },
      'whoever reaches this host may ask it: set ANNEAL_SERVING_TOKENS, or keep it on a private network',
    );
  for (const warning of protectionWarnings(protection)) logger.warn(warning);
  const restored = signalOnce();
  const pool = new ServingPool({
    logger,
    host: settings.httpHost,
    port: settings.ports.http,
    grpcPort: settings.ports.grpc,
    processes: plan.processes,
    executors: plan.executors,
    hangTimeoutMs: 1000 * settings.serving.hangSeconds,
    protection,
    predictionLog: { directory: logDirectory, share: settings.predictionLog.share },
    ...(settings.tracing ? { tracing: { instanceId: settings.hostId } } : {}),
    orphans: { directory, forMs: orphanMs },
    expected: () => host.models(),
    restore: (member) => host.restore(member).finally(restored.fire),
  });
  host.attach(pool);
  await pool.start();
  await cache.removeLeftovers();
  await removeOthers(images, String(process.pid));
  const url = `${protection.tls ? 'https' : 'http'}://${settings.httpHost.includes(':') ? `[${settings.httpHost}]` : settings.httpHost}:${pool.port}`;
  logger.info({ url, grpcPort: pool.grpcPort, hostId: settings.hostId, ...plan }, 'listening');

  const logParquet = new LogParquet();
  const keeper = new PredictionLogKeeper({
    hostId: settings.hostId,
    directory: logDirectory,
    store,
    scratchRoot: settings.scratch,
    retentionDays: settings.predictionLog.retentionDays,
    logger,
    toParquet: logParquet.toParquet,
  });
  const keeping = keeper.run(stop);
  void keepRestored(host, stop);
  void followProtection(protectionFiles, pool, logger, stop);

  const polling = signalOnce();
  const lease = { hostId: settings.hostId, taskQueue: hostTaskQueue(settings.hostId), url };
  const tracing = await startTemporalTracing(settings, logger, 'inference');
  const link = keepTemporalLink({ settings, logger, host, lease, traced: tracing?.worker, onPolling: polling.fire }, stop);
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve());
  });
  await Promise.race([Promise.all([polling.fired, restored.fired]), sleep(readyAtLatestMs, undefined, { ref: false }), stopped]);
  process.send?.({ type: 'ready', url });

  await stopped;
  logger.info({ reason: String(stop.reason) }, 'stopping');
  // Activities still predict on the serving process, so its versions stay until the workers have ended.
  await Promise.all([pool.broadcast('closeServers', null).catch(() => undefined), link]);
  await Promise.all([pool.stop(), tracing?.close()]);
  await keeping;
  // What the serving processes closed as they ended; a store that is away gets it after the next start.
  await Promise.race([keeper.collect().catch(() => undefined), sleep(lastCollectionMs, undefined, { ref: false })]);
  logParquet.close();
  loader.close();
  await rm(join(images, String(process.pid)), { recursive: true, force: true });
}

/** New tokens and certificates reach the serving processes; what cannot be used leaves them with what they have. Never fails. */
async function followProtection(files: ProtectionFiles, pool: ServingPool, logger: Logger, stop: AbortSignal): Promise<void> {
  const untold = (error: unknown): void => {
    if (!stop.aborted) logger.error({ error: String(error) }, 'a serving process could not be told of its certificates and tokens');
  };
  const events: ProtectionEvents = {
    onChange: async (protection) => {
      await pool.protect(protection).catch(untold);
      logger.info('the files of certificates and tokens have changed, and are used from now on');
      for (const warning of protectionWarnings(protection)) logger.warn(warning);
    },
    onRefused: async (problem) => {
      logger.error({ problem }, 'the files of certificates and tokens have changed and cannot be used; keeping what they held before');
      await pool.keepProtection().catch(untold);
    },
  };
  await files.follow(events, stop);
}

/** What hosts that were killed have left in a directory. */
async function removeOthers(directory: string, kept: string): Promise<void> {
  for (const name of await readdir(directory)) if (name !== kept) await rm(join(directory, name), { recursive: true, force: true });
}

function signalOnce(): { readonly fired: Promise<void>; readonly fire: () => void } {
  let fire = (): void => undefined;
  const fired = new Promise<void>((resolve) => (fire = resolve));
  return { fired, fire };
}

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort(new Error(signal)));
if (process.send) process.once('disconnect', () => stop.abort(new Error('the parent process is gone')));

try {
  const settings = readSettings();
  const logger = createLogger(settings, 'inference');
  installRuntime(logger);
  await superviseHost(settings, logger, stop.signal);
  process.exit(0);
} catch (error) {
  // For the person at the terminal, who has no eye for JSON lines.
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
