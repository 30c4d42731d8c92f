import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const script = path.join(import.meta.dirname, 'digest-of-run.ts');

async function digestOfRun(chunk: number, way: 'engine' | 'threads'): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, String(chunk), way]);
  return stdout;
}

test('the compiled engine ends in the same bits in any process, on one thread and on two, however the steps are cut', async () => {
  const whole = await digestOfRun(30, 'engine');
  expect(whole).toMatch(/^[0-9a-f]{64}$/);
  expect(await digestOfRun(7, 'engine')).toBe(whole);
  expect(await digestOfRun(30, 'threads')).toBe(whole);
  expect(await digestOfRun(7, 'threads')).toBe(whole);
});
