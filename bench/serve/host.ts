import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { VersionLoader } from '../../serving/loader/version-loader.js';
import { stageVersion } from '../../serving/loader/stage-version.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import type { PreparedVersion } from '../../serving/prepared-version.js';
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

/** A host with everything that serves: its processes, its loader; what it lacks is Temporal and the store. */
export async function startHost(settings: ServingPlanSettings): Promise<BenchHost> {
  const directory = await mkdtemp(join(tmpdir(), 'anneal-bench-host-'));
  const loader = await VersionLoader.open(directory);
  const plan = await planServing(settings);
  const pool = new ServingPool({
    logger: pino({ level: 'warn' }),
    host: '127.0.0.1',
    port: 0,
    grpcPort: 0,
    processes: plan.processes,
    executors: plan.executors,
    expected: () => [],
    restore: async () => undefined,
  });
  await pool.start();
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
      loader.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
