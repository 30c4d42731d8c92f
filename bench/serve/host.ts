import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { VersionLoader } from '../../serving/loader/version-loader.js';
import { stageVersion } from '../../serving/loader/stage-version.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import type { PreparedVersion } from '../../serving/loader/prepared-version.js';
import { LogParquet } from '../../workers/inference/log-parquet.js';
import { PredictionLogKeeper } from '../../workers/inference/prediction-log-keeper.js';
import { FileArtifactStore } from '../../stores/file-artifact-store.js';
import { planServing, type ServingPlan, type ServingPlanSettings } from '../../workers/inference/plan-serving.js';
import { ServingPool } from '../../workers/inference/serving-pool.js';

export interface BenchHost {
  readonly plan: ServingPlan;
  readonly port: number;
  /** Of the serving processes. */
  readonly pids: readonly number[];
  /** Load, verify and activate, as a rollout does. @returns what the loader found, and where the version executes */
  promote(version: string, files: VersionFiles): Promise<{ readonly prepared: PreparedVersion; readonly placement: string }>;
  stop(): Promise<void>;
}

export interface BenchHostOptions {
  /** Share of the requests that are logged, and made Parquet of, as a host does. @default none */
  readonly logShare?: number;
  /** Of OpenTelemetry, for the serving processes. @default no spans are made */
  readonly tracing?: Readonly<Record<string, string>>;
}

/** A host with everything that serves: its processes, its loader; what it lacks is Temporal. */
export async function startHost(settings: ServingPlanSettings, { logShare, tracing }: BenchHostOptions = {}): Promise<BenchHost> {
  const directory = await mkdtemp(join(tmpdir(), 'anneal-bench-host-'));
  const loader = await VersionLoader.open(directory, { placement: settings.placement });
  const plan = await planServing(settings);
  const pool = new ServingPool({
    logger: pino({ level: 'warn' }),
    host: '127.0.0.1',
    port: 0,
    grpcPort: 0,
    processes: plan.processes,
    executors: plan.executors,
    ...(logShare === undefined ? {} : { predictionLog: { directory: join(directory, 'log'), share: logShare } }),
    ...(tracing ? { tracing: { instanceId: 'bench' } } : {}),
    expected: () => [],
    restore: async () => undefined,
  });
  // Serving processes take them from the environment of their supervisor.
  Object.assign(process.env, tracing);
  await pool.start();
  for (const name of Object.keys(tracing ?? {})) delete process.env[name];
  const stopped = new AbortController();
  const logParquet = new LogParquet();
  const keeper = new PredictionLogKeeper({
    hostId: 'bench',
    directory: join(directory, 'log'),
    store: new FileArtifactStore(join(directory, 'artifacts')),
    scratchRoot: join(directory, 'scratch'),
    retentionDays: 1,
    logger: pino({ level: 'warn' }),
    toParquet: logParquet.toParquet,
  });
  const keeping = keeper.run(stopped.signal);
  let epoch = 0;
  /** Digests of the models of this version and of the one before, as a host keeps them. */
  let kept: string[] = [];
  return {
    plan,
    port: pool.port,
    get pids() {
      return pool.pids;
    },
    async promote(version, files) {
      let placement = '';
      const prepared = await stageVersion(
        (each) => loader.prepare(each),
        async (command, input) => {
          const results = await pool.broadcast(command, input);
          if (command === 'stage') ({ placement } = results[0] as { placement: string });
        },
        { model: 'flights', version, files },
      );
      await pool.broadcast('activate', { model: 'flights', version, epoch: ++epoch });
      kept = [...kept.slice(-1), files.model.sha256];
      await loader.keepOnly(new Set(kept));
      return { prepared, placement };
    },
    async stop() {
      await pool.stop();
      stopped.abort();
      await keeping;
      logParquet.close();
      loader.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
