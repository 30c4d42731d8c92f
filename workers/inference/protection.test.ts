import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCertificates } from '../../serving/testing/certificates.js';
import { protectionWarnings, readProtection } from './protection.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('readProtection', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-protection-'));
  beforeAll(() => {
    makeCertificates(directory);
    execFileSync('openssl', ['pkey', '-in', 'server.key', '-aes256', '-passout', 'pass:SECRET', '-out', 'encrypted.key'], {
      cwd: directory,
    });
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const path = (name: string): string => join(directory, name);
  const text = (name: string): string => readFileSync(path(name), 'utf8');
  const file = (content: string): string => {
    const written = path(String(Math.random()));
    writeFileSync(written, content);
    return written;
  };
  const refusal = (...args: Parameters<typeof readProtection>): string => {
    try {
      readProtection(...args);
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing was refused';
  };

  it('protects nothing that is not asked for', () => {
    expect(readProtection({ tls: {} })).toEqual({});
  });

  it('reads tokens, a certificate with its chain, and its key', () => {
    const entry = { name: 'team', sha256: 'a'.repeat(64), models: ['flight-delay'] };
    const chain = `${text('server.pem')}${text('ca.pem')}`;
    const tls = { certificate: file(chain), key: path('server.key'), clientAuthority: path('ca.pem') };
    expect(readProtection({ tokens: file(JSON.stringify([entry])), tls })).toEqual({
      access: [entry],
      tls: { certificate: chain, key: text('server.key'), clientAuthority: text('ca.pem') },
    });
  });

  it.each([
    ['no JSON', 'SECRET', 'it is not JSON'],
    ['a token instead of its digest', '[{"name": "team", "sha256": "SECRET", "models": "*"}]', 'lower-case hex at 0.sha256'],
    ['no digest', '[{"name": "team", "models": "*"}]', 'expected 64 digits of lower-case hex at 0.sha256'],
    ['an object', '{"SECRET": 1}', 'expected a list at its top'],
    ['what is none of its fields', `[{"name": "t", "sha256": "${'a'.repeat(64)}", "models": "*", "SECRET": 1}]`, 'and nothing else at 0'],
    ['no models', `[{"name": "team", "sha256": "${'a'.repeat(64)}", "models": []}]`, '0.models'],
  ])('refuses %s, and repeats nothing of it', (_name, content, problem) => {
    const message = refusal({ tokens: file(content), tls: {} });
    expect(message).toContain(problem);
    expect(message).not.toContain('SECRET');
  });

  it('names the variable of a file that is not there, and what is missing beside it', () => {
    expect(refusal({ tokens: path('none'), tls: {} })).toMatch(/ANNEAL_SERVING_TOKENS \(.*none\) is not there/);
    expect(refusal({ tokens: directory, tls: {} })).toMatch(/ANNEAL_SERVING_TOKENS \(.*\) is a folder/);
    expect(refusal({ tls: { certificate: path('server.pem') } })).toContain('ANNEAL_TLS_KEY');
    expect(refusal({ tls: { clientAuthority: path('ca.pem') } })).toContain('ANNEAL_TLS_CERT');
  });

  it.each([
    ['a certificate that is not there', { certificate: 'none.pem' }, /ANNEAL_TLS_CERT \(.*none\.pem\) is not there/],
    ['a certificate that is no PEM', { certificate: 'text' }, /ANNEAL_TLS_CERT \(.*text\) is not PEM: expected a certificate/],
    ['an empty certificate', { certificate: 'empty' }, /ANNEAL_TLS_CERT \(.*empty\) is empty/],
    ['a key instead of the certificate', { certificate: 'server.key' }, /ANNEAL_TLS_CERT .* holds a private key that cannot be read as/],
    ['a chain with a damaged certificate', { certificate: 'damaged.pem' }, /ANNEAL_TLS_CERT .* cannot be used for TLS/],
    ['a key that is no PEM', { key: 'text' }, /ANNEAL_TLS_KEY \(.*text\) is not PEM: expected a private key/],
    ['a key with a passphrase', { key: 'encrypted.key' }, /ANNEAL_TLS_KEY \(.*\) is encrypted with a passphrase/],
    ['the key of another certificate', { key: 'client.key' }, /key of ANNEAL_TLS_KEY \(.*client\.key\) is not that of .* ANNEAL_TLS_CERT/],
    ['an authority that is no PEM', { clientAuthority: 'text' }, /ANNEAL_TLS_CLIENT_CA \(.*text\) is not PEM/],
  ])('refuses %s, and repeats nothing of it', (_name, wrong, problem) => {
    writeFileSync(path('text'), 'SECRET');
    writeFileSync(path('empty'), '');
    writeFileSync(path('damaged.pem'), `${text('server.pem')}${text('ca.pem').replace(/[A-Za-z0-9+/]{64}/, 'SECRET')}`);
    const right = { certificate: 'server.pem', key: 'server.key', clientAuthority: 'ca.pem' };
    const names = Object.entries({ ...right, ...wrong }).map(([name, value]) => [name, path(value)]);
    const message = refusal({ tls: Object.fromEntries(names) as Record<string, string> });
    expect(message).toMatch(problem);
    expect(message).not.toContain('SECRET');
  });

  it('refuses a certificate that is not valid now, and warns of one that soon is not', () => {
    const dayMs = 24 * 60 * 60 * 1000;
    const settings = { tls: { certificate: path('server.pem'), key: path('server.key') } };
    const now = Date.now();
    // It was made for two days.
    expect(refusal(settings, now + 3 * dayMs)).toMatch(
      /^The certificate of ANNEAL_TLS_CERT \(.*server\.pem\) has expired: it is valid from /,
    );
    expect(refusal(settings, now - dayMs)).toMatch(/server\.pem\) is not valid yet: .* set this machine's clock right\.$/);
    const protection = readProtection(settings, now);
    expect(protectionWarnings(protection, now)).toEqual([expect.stringMatching(/ANNEAL_TLS_CERT expires in 1 day, .*takes them up\.$/)]);
    expect(protectionWarnings(protection, now + 1.5 * dayMs)).toEqual([expect.stringContaining('in less than a day')]);
    expect(protectionWarnings(protection, now - 13 * dayMs)).toEqual([]);
  });

  it('warns of a file of tokens that holds none', () => {
    expect(protectionWarnings(readProtection({ tokens: file('[]'), tls: {} }))).toEqual([
      expect.stringMatching(/^The file of ANNEAL_SERVING_TOKENS holds no token, so nobody may ask/),
    ]);
    expect(protectionWarnings(readProtection({ tls: {} }))).toEqual([]);
  });

  it.each([
    ['the worker alone', ['scripts/run.mjs', 'workers/inference.ts'], 1],
    ['"anneal up"', ['cli/anneal.mjs', 'up'], 2],
    ['"anneal up --detach"', ['cli/anneal.mjs', 'up', '--detach', '--json'], 2],
  ])('stops %s before anything starts', (_name, args, exitCode) => {
    const home = path('home');
    const env = { PATH: process.env.PATH, HOME: directory, ANNEAL_HOME: home };
    const run = (): unknown =>
      execFileSync(process.execPath, args, {
        cwd: root,
        env: { ...env, ANNEAL_TLS_CERT: path('server.pem'), ANNEAL_TLS_KEY: path('client.key') },
        stdio: 'pipe',
      });
    expect(run).toThrow(
      expect.objectContaining({ status: exitCode, stdout: Buffer.of(), message: expect.stringContaining('ANNEAL_TLS_KEY') }),
    );
  });
});
