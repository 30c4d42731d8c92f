import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { typescriptExecArgv } from '../child/typescript-child.js';

test('a process that trains prints no advice of TensorFlow.js when it makes its first tensor', async () => {
  const module = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const program = `
    await import(${JSON.stringify(module('../train/child/run-job.ts'))});
    const tf = await import('@tensorflow/tfjs-core');
    const values = [...tf.tensor1d([1, 2]).dataSync()];
    console.log(tf.getBackend(), values);`;
  const args = [...typescriptExecArgv, '--input-type=module', '--eval', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: module('../..') });
  expect({ stdout, stderr }).toEqual({ stdout: 'cpu [ 1, 2 ]\n', stderr: '' });
});
