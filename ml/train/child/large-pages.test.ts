import { readFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { largePages } from './large-pages.js';

describe('large pages for a training process', () => {
  test('are asked for beside other settings of the allocator, and not against one that is there', () => {
    expect(largePages({})).toEqual({ GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' });
    expect(largePages({ GLIBC_TUNABLES: 'glibc.malloc.arena_max=2' })).toEqual({
      GLIBC_TUNABLES: 'glibc.malloc.arena_max=2:glibc.malloc.hugetlb=1',
    });
    expect(largePages({ GLIBC_TUNABLES: 'glibc.malloc.hugetlb=0' })).toEqual({});
  });

  const offered = isOffered();
  (offered ? test : test.skip)('hold an array of rows, where Linux offers them', async () => {
    const program = `
      const rows = new Float32Array(32 * 1024 * 1024).fill(1);
      const map = require('fs').readFileSync('/proc/self/smaps_rollup', 'utf8');
      console.log(/AnonHugePages:\\s+(\\d+)/.exec(map)[1], rows[5]);
    `;
    const kilobytes = async (variables: Record<string, string>): Promise<number> => {
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { env: { ...process.env, ...variables } });
      return Number(stdout.split(' ')[0]);
    };
    expect(await kilobytes(largePages({}))).toBeGreaterThan((await kilobytes({ GLIBC_TUNABLES: 'glibc.malloc.hugetlb=0' })) + 50_000);
  });
});

/** Of glibc on a Linux that gives large pages to who asks for them. */
function isOffered(): boolean {
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header;
  try {
    return (
      Number(glibcVersionRuntime?.split('.')[1]) >= 35 &&
      readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8').includes('[madvise]')
    );
  } catch {
    return false;
  }
}
