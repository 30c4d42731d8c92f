import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { readProtection } from './protection.js';

describe('readProtection', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-protection-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const file = (content: string): string => {
    const path = join(directory, String(Math.random()));
    writeFileSync(path, content);
    return path;
  };

  it('protects nothing that is not asked for', async () => {
    expect(await readProtection({ tls: {} })).toEqual({});
  });

  it('reads tokens, certificate and key', async () => {
    const entry = { name: 'team', sha256: 'a'.repeat(64), models: ['flight-delay'] };
    const tls = { certificate: file('C'), key: file('K'), clientAuthority: file('A') };
    expect(await readProtection({ tokens: file(JSON.stringify([entry])), tls })).toEqual({
      access: [entry],
      tls: { certificate: 'C', key: 'K', clientAuthority: 'A' },
    });
  });

  it.each([
    ['no JSON', 'SECRET', 'it is not JSON'],
    ['a token instead of its digest', '[{"name": "team", "sha256": "SECRET", "models": "*"}]', 'lower-case hex at 0.sha256'],
    ['no models', `[{"name": "team", "sha256": "${'a'.repeat(64)}", "models": []}]`, '0.models'],
  ])('refuses %s, and repeats nothing of it', async (_name, content, problem) => {
    const error = await readProtection({ tokens: file(content), tls: {} }).catch((failure: unknown) => failure as Error);
    expect((error as Error).message).toContain(problem);
    expect((error as Error).message).not.toContain('SECRET');
  });

  it('names the variable of a file that is not there, and what is missing beside it', async () => {
    await expect(readProtection({ tokens: join(directory, 'none'), tls: {} })).rejects.toThrow('ANNEAL_SERVING_TOKENS');
    await expect(readProtection({ tls: { certificate: file('C') } })).rejects.toThrow('ANNEAL_TLS_KEY');
    await expect(readProtection({ tls: { clientAuthority: file('A') } })).rejects.toThrow('ANNEAL_TLS_CERT');
  });
});
