import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import type { FeatureLayout } from '../../contracts/dataset.js';
import type { ModelSpec } from '../../contracts/pipeline.js';
import { cpuBackend } from '../train/engines/tfjs-backend.js';
import { buildNetwork } from './build-network.js';
import { automaticDimension } from './embedding.js';

const layout: FeatureLayout = {
  categorical: [
    { name: 'origin', size: 5, dimension: 'auto' },
    { name: 'hour', size: 24, dimension: 3 },
  ],
  numeric: ['distance', 'delay'],
};
const wideAndDeep: ModelSpec = { family: 'wide-and-deep', hidden: [8, 6], activation: 'relu', embeddingScale: 1 };
const mlp: ModelSpec = { family: 'mlp', hidden: [8], activation: 'tanh' };

function shapes(model: ModelSpec, outputs = 1, part = layout): Record<string, readonly number[]> {
  return Object.fromEntries(buildNetwork(model, part, outputs, 1).parameters.map(({ name, shape }) => [name, shape]));
}

describe('the parameters of a network', () => {
  test('of the linear family are a weight per category and output, weights of the numbers, and a bias', () => {
    expect(shapes({ family: 'linear' }, 2)).toEqual({
      'embedding/origin': [5, 2],
      'embedding/hour': [24, 2],
      'numeric/kernel': [2, 2],
      bias: [2],
    });
  });

  test('of an mlp are embeddings and dense layers', () => {
    expect(shapes(mlp)).toEqual({
      'embedding/origin': [5, 4],
      'embedding/hour': [24, 3],
      'dense_0/kernel': [9, 8],
      'dense_0/bias': [8],
      'logits/kernel': [8, 1],
      'logits/bias': [1],
    });
  });

  test('of wide-and-deep carry the wide weights as the last columns of the tables', () => {
    expect(shapes({ ...wideAndDeep, embeddingScale: 2 })).toMatchObject({
      'embedding/origin': [5, 9],
      'embedding/hour': [24, 4],
      'dense_0/kernel': [13, 8],
      'wide/kernel': [2, 1],
    });
  });

  test('of a one-hot feature are weights in the layers that read it, and no vectors', () => {
    const oneHot: FeatureLayout = { categorical: [{ name: 'hour', size: 24, dimension: 3, encoding: 'one-hot' }], numeric: ['delay'] };
    expect(shapes(mlp, 1, oneHot)).toMatchObject({ 'dense_0/kernel': [25, 8] });
    expect(Object.keys(shapes(mlp, 1, oneHot))).not.toContainEqual(expect.stringContaining('hour'));
    expect(shapes(wideAndDeep, 2, oneHot)).toMatchObject({ 'one-hot/hour': [24, 2], 'dense_0/kernel': [25, 8] });
    expect(shapes({ family: 'linear' }, 2, oneHot)).toMatchObject({ 'embedding/hour': [24, 2] });
  });

  test('of a normalized residual mlp scale and shift each layer, and carry the input past layers that change its width', () => {
    expect(shapes({ ...mlp, hidden: [8, 8], normalization: 'layer', residual: true })).toMatchObject({
      'dense_0/scale': [8],
      'dense_0/shift': [8],
      'dense_0/shortcut': [9, 8],
      'dense_1/scale': [8],
    });
    expect(shapes({ ...mlp, hidden: [8, 8], residual: true })).not.toHaveProperty('dense_1/shortcut');
  });

  test('are refused where a file of a model cannot hold them, by the largest of them', () => {
    const model: ModelSpec = { family: 'mlp', hidden: [400_000_000], activation: 'relu' };
    expect(() => buildNetwork(model, { categorical: [], numeric: ['a', 'b'] }, 1, 1)).toThrow(
      /^The model has 1,600,000,001 parameters, the most of them ".+" of shape \[2, 400000000\]\. Expected at most 535,822,336/,
    );
  });

  test('lie one after the other in the flat vector', () => {
    const { parameters, parameterCount } = buildNetwork(wideAndDeep, layout, 1, 1);
    let end = 0;
    for (const { offset, size } of parameters) {
      expect(offset).toBe(end);
      end += size;
    }
    expect(parameterCount).toBe(end);
  });

  test('start from the seed, the same bits on every machine', () => {
    const digest = (seed: number) =>
      createHash('sha256')
        .update(new Uint8Array(buildNetwork(wideAndDeep, layout, 1, seed).initialParameters().buffer))
        .digest('hex');
    expect(digest(1)).toBe(digest(1));
    expect(digest(1)).not.toBe(digest(2));
    expect(digest(1)).toBe('c008628b62e36cb68a54cbf99cba21706421be7bf66a1afab413fb68b3f138ef');
  });

  test('start within the range of their initializer, biases at zero', () => {
    const network = buildNetwork({ ...wideAndDeep, hidden: [200] }, layout, 1, 9);
    const flat = network.initialParameters();
    const of = (name: string) => {
      const { offset, size } = network.parameters.find((parameter) => parameter.name === name)!;
      return flat.subarray(offset, offset + size);
    };
    const limit = Math.sqrt(6 / 9);
    const kernel = of('dense_0/kernel');
    expect(kernel.every((value) => Math.abs(value) <= limit)).toBe(true);
    const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
    expect(variance).toBeGreaterThan((0.9 * limit * limit) / 3);
    expect(variance).toBeLessThan((1.1 * limit * limit) / 3);
    expect(of('dense_0/bias').every((value) => value === 0)).toBe(true);
    const [vectors, wide] = [true, false].map((wanted) => of('embedding/hour').filter((_, i) => i % 4 < 3 === wanted));
    expect(Math.max(...vectors.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(3));
    expect(Math.max(...vectors.map(Math.abs))).toBeGreaterThan(0.5 / Math.sqrt(3));
    expect(wide.every((value) => value === 0)).toBe(true);
  });
});

describe('the forward pass', () => {
  test('of the linear family adds the weights of a row’s categories and numbers up', async () => {
    await cpuBackend.use();
    const network = buildNetwork({ family: 'linear' }, layout, 1, 1);
    const flat = Float32Array.from({ length: network.parameterCount }, (_, i) => i);
    const tensors = network.parameters.map(({ shape, offset, size }) => tf.tensor(flat.slice(offset, offset + size), [...shape]));
    const logits = network.forward(tensors, { categorical: tf.tensor2d([2, 10], [1, 2], 'int32'), numeric: tf.tensor2d([[0.5, -2]]) });
    // origin 2 → 2; hour 10 → 5 + 10; kernel 29, 30; bias 31
    expect([...logits.dataSync()]).toEqual([2 + 15 + 0.5 * 29 - 2 * 30 + 31]);
  });

  test('refuses a layout without any feature', () => {
    expect(() => buildNetwork(mlp, { categorical: [], numeric: [] }, 1, 1)).toThrow('The model has no input');
  });
});

test.each([
  [2, 1, 2],
  [24, 1, 9],
  [230, 1, 32],
  [1_000_000, 1, 32],
  [24, 0.1, 1],
  [1_000_000, 8, 256],
])('a feature of %i categories at scale %d gets a vector of %i numbers', (size, scale, expected) => {
  expect(automaticDimension(size, scale)).toBe(expected);
});
