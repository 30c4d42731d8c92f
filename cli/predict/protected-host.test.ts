import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeCertificates } from '../../serving/testing/certificates.js';
import { startServingProcess } from '../../serving/testing/serving-process.js';
import { tinyProbability, writeTinyVersion } from '../../serving/testing/tiny-bundle.js';
import type { StackStatus } from '../stack/status.js';
import { readProtection } from '../../workers/inference/protection.js';
import { runAnneal } from '../../testing/run-anneal.js';

const token = 'a-token-of-a-team';
const row = { origin: 'SFO', date: 0, distance: 100 };

describe('anneal predict and a host with tokens and certificates', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-protected-'));
  const file = (name: string) => join(directory, name);
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let plain: typeof serving;
  /** Its certificate names no host. */
  let nameless: Server;
  let namelessUrl: string;
  let url: string;
  beforeAll(async () => {
    makeCertificates(directory);
    makeSelfSigned('stranger', 2);
    makeSelfSigned('past', -1);
    plain = await startServingProcess();
    nameless = createServer({ cert: readFileSync(file('stranger.pem')), key: readFileSync(file('stranger.key')) }).listen(0, '127.0.0.1');
    await once(nameless, 'listening');
    namelessUrl = `https://127.0.0.1:${(nameless.address() as AddressInfo).port}`;
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
    nameless.close();
    await Promise.all([serving.stop(), plain.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  /** One that the host's authority has not signed. */
  function makeSelfSigned(name: string, days: number): void {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
    openssl('req', ...key, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-signkey', `${name}.key`, '-days', String(days), '-out', `${name}.pem`);
  }

  function predict(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return anneal(['predict', 'tiny', JSON.stringify(row), '--json', ...args], env);
  }
  function anneal(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return runAnneal(args, { HOME: directory, ANNEAL_HOME: file('home'), ...env });
  }
  const identity = (name = 'client') => ['--cert', file(`${name}.pem`), '--key', file(`${name}.key`)];

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
      [predict(authority, { ANNEAL_INFERENCE_TOKEN: token }), 1, /broke the TLS connection off.*was shown none.*--cert and --key/s],
      [predict(['--url', url, ...identity()]), 1, /not trusted \(\w+\)\. Set ANNEAL_INFERENCE_CA /],
      [predict(['--url', namelessUrl, '--ca', file('stranger.pem')]), 1, /was not made for the name 127\.0\.0\.1/],
      [
        predict([...authority, ...identity('stranger')]),
        1,
        /not to take the certificate .*stranger\.pem: it is of "CN=stranger", signed by/,
      ],
      [predict([...authority, ...identity('past')]), 1, /not to take the certificate .*past\.pem: it is valid from .* only/],
      [predict(['--url', plain.url.replace('http:', 'https:')]), 1, /speaks no TLS/],
      [predict(['--url', url.replace('https', 'http')]), 1, /If it speaks TLS, write https/],
      [predict([...authority, '--cert', file('client.pem')]), 2, /belong together/],
      [predict(['--url', url, '--ca', file('nothing.pem')]), 2, /--ca or ANNEAL_INFERENCE_CA \(.*nothing\.pem\) is not there/],
      [predict([...authority, '--cert', file('token'), '--key', file('client.key')]), 2, /--cert or \w+ \(.*token\) is not PEM/],
      [
        predict([...authority, '--cert', file('client.pem'), '--key', file('ca.key')]),
        2,
        /key of --key or \w+ \(.*ca\.key\) is not that of/,
      ],
      [predict(['--url', 'models.example']), 2, /not the address of a host/],
    ];
    for (const [outcome, exitCode, message] of cases) {
      const { code, stderr } = await outcome;
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('another-token');
      expect(code).toBe(exitCode);
    }
  });

  test('is told from one that does not run by anneal status', async () => {
    const state = async (env: Readonly<Record<string, string>>) => {
      const { endpoints } = JSON.parse((await anneal(['status', '--json'], env)).stdout) as StackStatus;
      return endpoints.find(({ name }) => name === 'inference')!;
    };
    const known = { ANNEAL_INFERENCE_URL: url, ANNEAL_INFERENCE_CA: file('ca.pem') };
    const shown = { ...known, ANNEAL_INFERENCE_CERT: file('client.pem'), ANNEAL_INFERENCE_KEY: file('client.key') };
    const [answering, away, unknown, text] = await Promise.all([
      state(shown),
      state({ ANNEAL_INFERENCE_URL: 'https://127.0.0.1:1' }),
      state({ ANNEAL_INFERENCE_URL: url }),
      anneal(['status'], known),
    ]);
    expect(answering).toMatchObject({ answers: true });
    expect(away).toEqual({ name: 'inference', address: 'https://127.0.0.1:1', answers: false, external: false });
    expect(unknown).toMatchObject({ answers: false, problem: expect.stringMatching(/not trusted .* Set ANNEAL_INFERENCE_CA /) });
    expect(text.stdout).toMatch(/inference +cannot be asked +https.*\n.*broke the TLS connection off.*ANNEAL_INFERENCE_CERT/);
  });
});
