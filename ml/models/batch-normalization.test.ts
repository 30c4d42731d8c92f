import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { cpuBackend } from '../train/engines/tfjs-backend.js';
import { addBatchNormalization } from './batch-normalization.js';
import { type Network, NetworkBuilder } from './network.js';

beforeAll(async () => {
  await cpuBackend.use();
  cpuBackend.activate();
});

const channels = 3;

/** Normalizes its numeric columns and gives them back. */
function normalizer(): Network {
  const builder = new NetworkBuilder({ categorical: [], numeric: ['a', 'b', 'c'] }, channels);
  const normalize = addBatchNormalization<tf.Tensor2D>(builder, 'norm', channels, [0]);
  return builder.build(1, (read, inputs, training) => normalize(read, inputs.numeric!, training));
}

const numbers = [1, 20, -3, 4, 50, -9, 2, 10, 0, 7, 35, 1]; // [4, channels]

test('its running statistics stand behind what is trained', () => {
  const network = normalizer();
  expect(network.parameters.map(({ name }) => name)).toEqual(['norm/scale', 'norm/shift', 'norm/mean', 'norm/variance']);
  expect(network.trainedCount).toBe(2 * channels);
  expect([...network.initialParameters()]).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]);
});

test('it predicts as the layer of TensorFlow.js does with the same statistics, and trains as that does', () => {
  const x = tf.tensor2d(numbers, [4, channels]);
  const weights = [
    [1.5, 0.5, -1],
    [0.1, 0.2, 0.3],
    [1, 2, 3],
    [4, 9, 0.25],
  ].map((values) => tf.tensor1d(values));
  const layer = layers.batchNormalization({ momentum: 0.9, epsilon: 1e-5, inputShape: [channels] });
  layer.build([null, channels]);
  layer.setWeights(weights);
  const network = normalizer();
  const gathered = new Map<string, number[]>();
  for (const training of [false, true]) {
    const pass = { gather: (name: string, next: tf.Tensor) => void gathered.set(name, [...next.dataSync()]) };
    const expected = layer.apply(x, { training }) as tf.Tensor;
    const actual = network.forward(weights, { numeric: x }, training ? pass : undefined);
    actual.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected.dataSync()[i], 4));
  }
  const columns = [0, 1, 2].map((channel) => numbers.filter((_, i) => i % channels === channel));
  const mean = columns.map((column) => column.reduce((sum, value) => sum + value) / 4);
  const variance = columns.map((column, i) => column.reduce((sum, value) => sum + (value - mean[i]) ** 2, 0) / 4);
  const running = [weights[2], weights[3]].map((tensor) => [...tensor.dataSync()]);
  gathered.get('norm/mean')!.forEach((value, i) => expect(value).toBeCloseTo(0.9 * running[0][i] + 0.1 * mean[i], 4));
  gathered.get('norm/variance')!.forEach((value, i) => expect(value).toBeCloseTo(0.9 * running[1][i] + 0.1 * variance[i], 3));
});
