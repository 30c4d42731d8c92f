import { describe, expect, test } from '@jest/globals';
import { batchSlices } from './batch-slices.js';

const network = { widestImage: 28 * 28 * 32, parameterCount: 50_186, trainedCount: 50_186, parameters: [] };

describe('the slices of a mini-batch', () => {
  test('hold as many rows as a mebibyte of the widest image, and divide the mini-batch', () => {
    expect(batchSlices(network, 64)).toBe(8);
    expect(batchSlices(network, 60)).toBe(6);
    expect(batchSlices({ ...network, widestImage: 28 * 28 * 8 }, 64)).toBe(2);
    expect(batchSlices({ ...network, widestImage: 131_072 }, 64)).toBe(32);
  });

  test('are one where the whole mini-batch fits, and where no length of a slice divides it', () => {
    expect(batchSlices(network, 8)).toBe(1);
    expect(batchSlices(network, 61)).toBe(1);
    expect(batchSlices({ ...network, widestImage: 300_000 }, 64)).toBe(1);
  });

  test('are one where summing up a gradient costs more than the layers', () => {
    expect(batchSlices({ ...network, parameterCount: 5_000_000 }, 64)).toBe(1);
  });

  test('are one without images, and with statistics of the whole mini-batch', () => {
    expect(batchSlices({ ...network, widestImage: 0 }, 64)).toBe(1);
    const statistic = { name: 'mean', shape: [32], size: 32, offset: 50_186 };
    expect(batchSlices({ ...network, parameterCount: 50_218, parameters: [statistic] }, 64)).toBe(1);
  });
});
