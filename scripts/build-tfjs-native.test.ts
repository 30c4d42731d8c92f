import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const script = path.join(import.meta.dirname, 'build-tfjs-native.mjs');

function build(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<{ code?: number; stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [script, ...args], { env }).catch(
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

test('says how it is used', async () => {
  expect((await build(['--help'])).stdout).toContain('Usage: npm run build:tfjs-native [-- --gpu]');
});

test('refuses an option that it does not have', async () => {
  const { code, stderr } = await build(['--cuda']);
  expect(code).toBe(1);
  expect(stderr).toContain('There is no option --cuda.');
});

test('says in one paragraph how to get a compiler where there is none', async () => {
  const { code, stderr } = await build([], { PATH: '' });
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toContain('apt-get install g++');
});
