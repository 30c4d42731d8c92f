import { describe, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../../contracts/dataset.js';
import type { ModelSpec } from '../../../../contracts/pipeline.js';
import { buildNetwork } from '../../../models/build-network.js';
import { usefulLanes } from './useful-lanes.js';

const numbers: FeatureLayout = { categorical: [], numeric: Array.from({ length: 32 }, (_, i) => `x${i}`) };
const tables = (size: number, dimension: number): FeatureLayout => ({
  categorical: [{ name: 'origin', size, dimension }],
  numeric: ['distance'],
});
const image: FeatureLayout = { categorical: [], numeric: [], image: { name: 'image', height: 28, width: 28, channels: 1 } };
const mlp: ModelSpec = { family: 'mlp', hidden: [128, 64], activation: 'relu' };
const cnn: ModelSpec = {
  family: 'cnn',
  filters: [32, 64],
  kernelSize: 3,
  pool: 'max',
  globalPooling: false,
  hidden: [],
  activation: 'relu',
};

const lanes = (model: ModelSpec, layout: FeatureLayout, batchSize: number, threads: number) =>
  usefulLanes(buildNetwork(model, layout, 1, 1), { batchSize, threads });

describe('usefulLanes', () => {
  test('is one where there is one thread, or one row', () => {
    expect(lanes(cnn, image, 64, 1)).toBe(1);
    expect(lanes(cnn, image, 1, 4)).toBe(1);
  });

  test('leaves small steps whole, and divides large ones', () => {
    expect(lanes(mlp, numbers, 256, 2)).toBe(1);
    expect(lanes(mlp, numbers, 2048, 2)).toBe(2);
    expect(lanes(cnn, image, 64, 2)).toBe(2);
  });

  test('divides the mini-batch evenly', () => {
    expect(lanes(mlp, numbers, 8190, 4)).toBe(3);
    expect(lanes(mlp, numbers, 8191, 4)).toBe(1);
  });

  test('takes no more lanes than their sums are worth', () => {
    expect(lanes(mlp, numbers, 2048, 16)).toBe(4);
  });

  test('does not count the lines of a table that no row looks up', () => {
    expect(lanes({ ...mlp, family: 'wide-and-deep', embeddingScale: 1 }, tables(230, 16), 2048, 2)).toBe(2);
    expect(lanes({ ...mlp, family: 'wide-and-deep', embeddingScale: 1 }, tables(100_000, 16), 2048, 2)).toBe(1);
  });

  test('leaves a mini-batch whole whose statistics the network gathers', () => {
    expect(lanes({ ...mlp, normalization: 'batch' }, numbers, 4096, 2)).toBe(1);
  });
});
