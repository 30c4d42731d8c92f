import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const requirements = join(root, 'infra/python/tritonclient.txt');

/** Installs in seconds; kept from one run to the next, and by uv's cache on a machine without a network. */
async function pythonWithTritonclient(): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const environment = join(tmpdir(), `anneal-tritonclient-${digest}`);
  const python = join(environment, 'bin', 'python');
  const done = join(environment, 'bin', 'f2py');
  if (existsSync(done)) return python;
  const uv = join(root, '.venv/bin/uv');
  await run(uv, ['venv', '-q', '--clear', environment, '--python', join(root, '.venv/bin/python')]);
  await run(uv, ['pip', 'install', '-q', '--require-hashes', '--python', python, '-r', requirements]);
  return python;
}

describe("Triton's Python client", () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-tritonclient-test-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess();
    for (const [epoch, version] of ['1', '2'].entries()) {
      await serving.stage('tiny', version, writeTinyVersion(join(directory, version), { bias: epoch }));
      await serving.command('activate', { model: 'tiny', version, epoch });
    }
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('works over HTTP and gRPC, with binary tensors, compression, versions, repository, health and reflection', async () => {
    const suite = join(root, 'serving/testing/tritonclient_suite.py');
    const python = await pythonWithTritonclient();
    const { stdout } = await run(python, [suite, `127.0.0.1:${serving.port}`, serving.grpcAddress]);
    expect(stdout.trim()).toBe('passed');
  });
});
