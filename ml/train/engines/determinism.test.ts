import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const script = path.join(import.meta.dirname, 'digest-of-run.ts');

async function digestOfRun(chunk: number): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, String(chunk)]);
  return stdout;
}

test('the compiled engine ends in the same bits in any process, on two threads, however the steps are cut', async () => {
  const whole = await digestOfRun(30);
  expect(whole).toMatch(/^[0-9a-f]{64}$/);
  expect(await digestOfRun(30)).toBe(whole);
  expect(await digestOfRun(7)).toBe(whole);
});
