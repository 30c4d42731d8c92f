import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificates } from '../../serving/testing/certificates.js';
import { startServingProcess } from '../../serving/testing/serving-process.js';
import { tinyProbability, writeTinyVersion } from '../../serving/testing/tiny-bundle.js';
import { readProtection } from '../../workers/inference/protection.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const token = 'a-token-of-a-team';
const row = { origin: 'SFO', date: 0, distance: 100 };

describe('anneal predict and a host with tokens and certificates', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-protected-'));
  const file = (name: string) => join(directory, name);
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let url: string;
  beforeAll(async () => {
    makeCertificates(directory);
    const sha256 = createHash('sha256').update(token).digest('hex');
    writeFileSync(file('tokens.json'), JSON.stringify([{ name: 'team', sha256, models: ['tiny'] }]));
    writeFileSync(file('token'), `${token}\n`);
    const tls = { certificate: file('server.pem'), key: file('server.key'), clientAuthority: file('ca.pem') };
    serving = await startServingProcess({}, [], readProtection({ tokens: file('tokens.json'), tls }));
    await serving.stage('tiny', '1', writeTinyVersion(file('tiny'), { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    url = `https://localhost:${serving.port}`;
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function predict(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
      const command = [join(root, 'cli', 'anneal.mjs'), 'predict', 'tiny', JSON.stringify(row), '--json', ...args];
      const child = spawn(process.execPath, command, {
        cwd: root,
        env: { PATH: process.env.PATH, HOME: directory, ANNEAL_HOME: file('home'), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
  }
  const identity = () => ['--cert', file('client.pem'), '--key', file('client.key')];

  test('predicts with what the host wants, by variables or by flags', async () => {
    const variables = {
      ANNEAL_INFERENCE_URL: url,
      ANNEAL_INFERENCE_TOKEN: token,
      ANNEAL_INFERENCE_CA: file('ca.pem'),
      ANNEAL_INFERENCE_CERT: file('client.pem'),
      ANNEAL_INFERENCE_KEY: file('client.key'),
    };
    const flags = ['--url', url, '--token-file', file('token'), '--ca', file('ca.pem'), ...identity()];
    for (const { code, stdout, stderr } of await Promise.all([predict([], variables), predict(flags)])) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { predictions } = JSON.parse(stdout) as { predictions: { probability: number }[] };
      expect(predictions[0].probability).toBeCloseTo(tinyProbability({ bias: 0 }, row), 6);
    }
  });

  test('says what is missing, and shows no token', async () => {
    const authority = ['--url', url, '--ca', file('ca.pem')];
    const token401 = { ANNEAL_INFERENCE_TOKEN: 'another-token' };
    const cases: [Promise<{ code: number | null; stderr: string }>, number, RegExp][] = [
      [predict([...authority, ...identity()]), 1, /HTTP 401.*Set ANNEAL_INFERENCE_TOKEN/s],
      [predict([...authority, ...identity()], token401), 1, /HTTP 401/],
      [predict(authority, { ANNEAL_INFERENCE_TOKEN: token }), 1, /broke the TLS connection off.*--cert and --key/s],
      [predict(['--url', url, ...identity()]), 1, /not trusted \(\w+\)\. Give the file of the authority/],
      [predict(['--url', url.replace('https', 'http')]), 1, /If it speaks TLS, write https/],
      [predict([...authority, '--cert', file('client.pem')]), 2, /belong together/],
      [predict(['--url', url, '--ca', file('nothing.pem')]), 2, /nothing\.pem cannot be read: ENOENT/],
      [predict(['--url', 'models.example']), 2, /not the address of a host/],
    ];
    for (const [outcome, exitCode, message] of cases) {
      const { code, stderr } = await outcome;
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('another-token');
      expect(code).toBe(exitCode);
    }
  });
});
