import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { compiledModule } from '../child/compiled-module.js';

test('a process that trains prints no advice of TensorFlow.js when it makes its first tensor', async () => {
  const program = `
    await import(${JSON.stringify(compiledModule(new URL('../train/child/run-job.ts', import.meta.url)))});
    const tf = await import('@tensorflow/tfjs-core');
    const values = [...tf.tensor1d([1, 2]).dataSync()];
    console.log(tf.getBackend(), values);`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: fileURLToPath(new URL('../..', import.meta.url)) });
  expect({ stdout, stderr }).toEqual({ stdout: 'cpu [ 1, 2 ]\n', stderr: '' });
});
