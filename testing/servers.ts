import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** MLflow's first start makes its tables and imports much of Python: 12 s on 2 free cores. */
const startMs = 120_000;

/**
 * Address of the MLflow server of this test run, once it answers.
 *
 * It starts beside the tests; the first call waits for it, so call it in `beforeAll`.
 */
export async function mlflowUri(): Promise<string> {
  const uri = provided('ANNEAL_TEST_MLFLOW_URI');
  await answers('MLflow', `${uri}/health`, (response) => response.ok);
  return uri;
}

/**
 * Address of the S3 service of this test run, once it answers; path-style. Any name and key are let in by the one that the run
 * starts (moto). To test with another (MinIO, versitygw), give its address in `ANNEAL_TEST_S3_ENDPOINT` and its keys in AWS's variables.
 */
export async function s3Endpoint(): Promise<string> {
  const endpoint = provided('ANNEAL_TEST_S3_ENDPOINT');
  await answers('The S3 service', endpoint, () => true);
  return endpoint;
}

async function answers(name: string, url: string, isReady: (response: Response) => boolean): Promise<void> {
  const until = Date.now() + startMs;
  for (;;) {
    if (await fetch(url).then(isReady, () => false)) return;
    if (Date.now() > until) throw new Error(`${name} does not answer on ${url}; its log is in ${provided('ANNEAL_TEST_SERVER_LOGS')}.`);
    await sleep(200);
  }
}

/** `host:port` of the Temporal dev server of this test run; namespace `default`, with Anneal's search attributes. */
export function temporalAddress(): string {
  return provided('ANNEAL_TEST_TEMPORAL_ADDRESS');
}

/** The server that skips time, for `TestWorkflowEnvironment.createTimeSkipping({server: {executable: {type: 'existing-path', path}}})`. */
export function timeSkippingServerPath(): string {
  return executable('temporal-test-server');
}

/**
 * A program of the project's virtual environment (`.venv`, or the one that `ANNEAL_VENV` names), else of PATH.
 *
 * @throws Error that says how to install it
 */
export function executable(name: string): string {
  const folders = [join(process.env.ANNEAL_VENV ?? join(root, '.venv'), 'bin'), ...(process.env.PATH ?? '').split(delimiter)];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (!found) throw new Error(`The program "${name}" was not found. "npm run setup" installs it into .venv.`);
  return found;
}

function provided(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set. Servers are there for tests named *.integration.test.ts and *.e2e.test.ts only.`);
  return value;
}
