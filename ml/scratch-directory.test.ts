import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { withScratchDirectory } from './scratch-directory.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-scratch-test-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** What a process of this machine, or of another one, would have left, had it been killed. */
function leave(own: string, pid: number, machine?: string): string {
  const [, here, end] = /^anneal-scratch-(.+)-\d+-([^-]+)$/.exec(own)!;
  const path = join(root, `anneal-scratch-${machine ?? here}-${pid}-${end}`);
  mkdirSync(path);
  writeFileSync(join(path, 'part.parquet'), 'x');
  return path;
}

describe('withScratchDirectory', () => {
  it('gives a directory of its own, and removes it also after a failure', async () => {
    const nested = join(root, 'not', 'there');
    const seen = await withScratchDirectory(nested, async (one) =>
      withScratchDirectory(nested, async (other) => {
        writeFileSync(join(one, 'a'), 'x');
        return [one, other];
      }),
    );
    expect(new Set(seen).size).toBe(2);
    expect(seen.map((path) => dirname(path))).toEqual([nested, nested]);
    await expect(withScratchDirectory(nested, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(readdirSync(nested)).toEqual([]);
  });

  it('removes what a process that is gone has left, and nothing else', async () => {
    const { pid: gone } = spawnSync(process.execPath, ['-e', '']);
    const own = await withScratchDirectory(root, async (directory) => basename(directory));
    const [dead, living] = [leave(own, gone), leave(own, process.ppid)];
    const [elsewhere, old] = [leave(own, gone, 'another.machine'), leave(own, gone, 'a.third')];
    const before = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(old, before, before);
    const foreign = join(root, 'data');
    mkdirSync(foreign);
    utimesSync(foreign, before, before);
    await withScratchDirectory(root, async () => undefined);
    expect([dead, living, elsewhere, old, foreign].map((path) => existsSync(path))).toEqual([false, true, true, false, true]);
  });
});
