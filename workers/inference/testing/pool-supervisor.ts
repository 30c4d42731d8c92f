import { pino } from 'pino';
import type { PreparedVersion } from '../../../serving/loader/prepared-version.js';
import { ServingPool } from '../serving-pool.js';

/** A supervisor that a test may kill: a pool of two processes which serve one version of one model. */
export interface PoolSupervisorInput {
  readonly directory: string;
  readonly port: number;
  readonly grpcPort: number;
  readonly orphanMs: number;
  readonly version: string;
  readonly prepared: PreparedVersion;
}

export type PoolSupervisorOutput =
  | { readonly pids: readonly number[]; readonly port: number; readonly grpcPort: number }
  | { readonly error: string };

const { directory, port, grpcPort, orphanMs, version, prepared } = JSON.parse(process.argv[2]) as PoolSupervisorInput;
const pool = new ServingPool({
  logger: pino({ level: 'silent' }),
  host: '127.0.0.1',
  port,
  grpcPort,
  processes: 2,
  orphans: { directory, forMs: orphanMs },
  expected: () => ['tiny'],
  restore: async (member) => {
    await member.request('stage', { model: 'tiny', version, prepared });
    await member.request('activate', { model: 'tiny', version, epoch: 1 });
  },
});
try {
  await pool.start();
  say({ pids: pool.pids, port: pool.port, grpcPort: pool.grpcPort });
} catch (error) {
  say({ error: String(error) });
  process.exit(1);
}

function say(output: PoolSupervisorOutput): void {
  process.send?.(output);
}
