import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCertificates } from '../testing/certificates.js';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';
import { createInferenceClient } from './inference-client.js';

const row = { origin: 'SFO', date: 0, distance: 100 };

describe('createInferenceClient and a host that wants certificates of its clients', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-client-tls-'));
  const file = (name: string) => join(directory, name);
  const read = (name: string) => readFileSync(file(name), 'utf8');
  const files = { ca: file('ca.pem'), certificate: file('client.pem'), key: file('client.key') };
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let plain: typeof serving;
  let url: string;
  beforeAll(async () => {
    makeCertificates(directory);
    makeStranger();
    writeFileSync(file('text'), 'nothing of the kind');
    const tls = { certificate: read('server.pem'), key: read('server.key'), clientAuthority: read('ca.pem') };
    [serving, plain] = await Promise.all([startServingProcess({}, [], { tls }), startServingProcess()]);
    await serving.stage('tiny', '1', writeTinyVersion(file('tiny'), { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    url = `https://localhost:${serving.port}`;
  });
  afterAll(async () => {
    await Promise.all([serving.stop(), plain.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  /** A certificate that no authority has signed. */
  function makeStranger(): void {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'stranger.key'];
    const args = ['req', '-x509', ...key, '-out', 'stranger.pem', '-subj', '/CN=stranger', '-days', '2'];
    execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  }

  const inPlace = () => ({ ca: read('ca.pem'), certificate: read('client.pem'), key: read('client.key') });
  it.each([
    ['files', () => files],
    ['PEM', inPlace],
  ])('is answered with its authority, certificate and key as %s, again on the connection that is there', async (_form, tls) => {
    const client = createInferenceClient({ url, tls: tls() });
    for (let i = 0; i < 3; i++) expect(await client.predict('tiny', [row])).toMatchObject({ version: '1' });
  });

  it.each<[string, Partial<typeof files>, RegExp]>([
    ['no certificate', { ca: files.ca }, /tls\.certificate and tls\.key/],
    [
      'one of another authority',
      { ca: files.ca, certificate: file('stranger.pem'), key: file('stranger.key') },
      /does not take the certificate that it was shown|ECONNRESET|EPIPE|socket hang up/,
    ],
    ['no authority', { certificate: files.certificate, key: files.key }, /is not trusted \(\w+\)\. Give tls\.ca/],
  ])('says what to give when the host or its client is shown %s', async (_case, tls, message) => {
    const asked = createInferenceClient({ url, tls, retries: 0 }).predict('tiny', [row]);
    await expect(asked).rejects.toMatchObject({ name: 'InferenceError', status: undefined, message: expect.stringMatching(message) });
  });

  it('asks once only where the next try would fail alike, and says when the host speaks no TLS', async () => {
    const startedAt = performance.now();
    const untrusting = createInferenceClient({ url, retries: 100, timeoutMs: 20_000 });
    await expect(untrusting.predict('tiny', [row])).rejects.toThrow('is not trusted');
    const wrong = createInferenceClient({ url: plain.url.replace('http:', 'https:'), retries: 100, timeoutMs: 20_000 });
    await expect(wrong.predict('tiny', [row])).rejects.toThrow('speaks no TLS');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it.each<[Partial<typeof files>, RegExp]>([
    [{ certificate: files.certificate }, /give both tls\.certificate and tls\.key/],
    [{ key: files.key }, /give both tls\.certificate and tls\.key/],
    [{ ca: file('absent.pem') }, /file of tls\.ca \(.*absent\.pem\) cannot be read \(ENOENT\)/],
    [{ ca: file('text') }, /tls\.ca cannot be read as a certificate/],
    [{ ...files, key: file('text') }, /tls\.key cannot be read as a private key/],
    [{ ...files, key: file('ca.key') }, /tls\.key is not the key of the first certificate/],
  ])('refuses files that cannot be used when it is made: %#', (tls, message) => {
    expect(() => createInferenceClient({ url, tls })).toThrow(message);
  });

  it('repeats nothing of a key that has lost its first line', () => {
    const body = read('client.key').split('\n').slice(1).join('\n');
    expect(() => createInferenceClient({ url, tls: { ...files, key: body } })).toThrow(/^The file of tls\.key cannot be read \(\w+\)/);
  });

  it('refuses tls for a url without, and what is no url', () => {
    expect(() => createInferenceClient({ url: plain.url, tls: files })).toThrow('write https:// there');
    expect(() => createInferenceClient({ url: 'models.example:8080' })).toThrow('is not the address of an inference host');
  });
});
