import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * Start one MLflow server, one Temporal server and one S3 service for all integration tests of this run; `testing/servers.ts` tells tests where they are.
 *
 * A server whose address is in the environment already is used as it is, which saves its start while one works on a test.
 * The servers belong to a process of their own that ends them when its input closes: at the tear-down, and also when jest is killed.
 */
export default async function startServers() {
  const keeper = spawn(process.execPath, [fileURLToPath(new URL('../scripts/run.mjs', import.meta.url)), 'testing/server-keeper.ts'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  globalThis.annealTestServers = keeper;
  const exited = once(keeper, 'exit').then(([code]) => {
    throw new Error(`The servers for the integration tests did not start (exit code ${code}); the reason stands above.`);
  });
  const [line] = await Promise.race([once(createInterface({ input: keeper.stdout }), 'line'), exited]);
  Object.assign(process.env, JSON.parse(line));
  exited.catch(() => undefined);
  keeper.unref();
  keeper.stdin.unref();
  keeper.stdout.destroy();
}
