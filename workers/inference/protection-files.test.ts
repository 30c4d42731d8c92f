import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Protection } from '../../serving/process-messages.js';
import { ProtectionFiles } from './protection-files.js';

const everyMs = 20;
const tokensOf = (digit: string): string => JSON.stringify([{ name: 'team', sha256: digit.repeat(64), models: '*' }]);

describe('ProtectionFiles', () => {
  let directory: string;
  let path: string;
  let stop: AbortController;
  let told: (string | undefined)[];
  let following: Promise<void>;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'anneal-protection-files-'));
    path = join(directory, 'tokens.json');
    stop = new AbortController();
    told = [];
  });
  afterEach(async () => {
    stop.abort();
    await following;
    rmSync(directory, { recursive: true, force: true });
  });

  function follow(): void {
    const files = new ProtectionFiles({ tokens: path, tls: {} });
    files.read();
    const events = {
      onChange: async ({ access }: Protection) => void told.push(access?.[0]?.sha256[0]),
      onRefused: async (problem: string) => void told.push(problem),
    };
    following = files.follow(events, stop.signal, everyMs);
  }

  async function toldOf(count: number): Promise<(string | undefined)[]> {
    for (const end = performance.now() + 5000; told.length < count && performance.now() < end;) await sleep(everyMs);
    // Whatever is told twice is told by then.
    await sleep(5 * everyMs);
    return told;
  }

  it('tells of what the files hold when it has changed, once, and of nothing before', async () => {
    writeFileSync(path, tokensOf('a'));
    follow();
    expect(await toldOf(0)).toEqual([]);
    writeFileSync(path, tokensOf('b'));
    expect(await toldOf(1)).toEqual(['b']);
    writeFileSync(path, tokensOf('c'));
    expect(await toldOf(2)).toEqual(['b', 'c']);
  });

  it('says what is wrong with a file that cannot be used, and is content with the next one, also with that from before', async () => {
    writeFileSync(path, tokensOf('a'));
    follow();
    writeFileSync(path, '[{"SECRET');
    const [problem] = await toldOf(1);
    expect(problem).toContain(path);
    expect(problem).not.toContain('SECRET');
    rmSync(path);
    expect((await toldOf(2))[1]).toContain('is not there');
    writeFileSync(path, tokensOf('a'));
    expect((await toldOf(3))[2]).toBe('a');
  });

  it('takes a file that is still being written for no change', async () => {
    writeFileSync(path, tokensOf('a'));
    follow();
    for (let i = 0; i < 20; i++) {
      writeFileSync(path, tokensOf('b').slice(0, i));
      // Less than from one look to the next.
      await sleep(everyMs / 2);
    }
    writeFileSync(path, tokensOf('b'));
    expect(await toldOf(1)).toEqual(['b']);
  });
});
