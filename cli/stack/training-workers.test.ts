import { expect, test } from '@jest/globals';
import { parseIdentity } from './training-workers.js';

test('the devices of a worker stand before its name', () => {
  expect(parseIdentity('2 × NVIDIA A100-SXM4-40GB (40,960 MiB) 17@gpu-1')).toEqual({
    worker: '17@gpu-1',
    devices: '2 × NVIDIA A100-SXM4-40GB (40,960 MiB)',
  });
  expect(parseIdentity('17@cpu-1')).toEqual({ worker: '17@cpu-1' });
});
