import { beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FeatureLayout } from '../../contracts/dataset.js';
import { lowerNetwork } from '../graph/lower-network.js';
import { GraphBuilder } from '../graph/onnx-builder.js';
import { cpuBackend } from '../train/engines/tfjs-backend.js';
import { buildCnn, type CnnOptions } from './cnn.js';
import type { Network } from './network.js';
import { createRandom } from './random.js';

const image = { name: 'picture', height: 7, width: 10, channels: 3 };
const plain: FeatureLayout = { categorical: [], numeric: [], image };
const mixed: FeatureLayout = { categorical: [{ name: 'kind', size: 5, dimension: 3 }], numeric: ['a', 'b'], image };
const options: CnnOptions = {
  filters: [4, 6],
  kernelSize: 3,
  pool: 'max',
  globalPooling: false,
  hidden: [8],
  activation: 'relu',
};

const rows = 5;
const random = createRandom(3);
const inputs = {
  image: Float32Array.from({ length: rows * 7 * 10 * 3 }, random),
  categorical: Int32Array.from({ length: rows }, () => Math.floor(random() * 5)),
  numeric: Float32Array.from({ length: rows * 2 }, random),
};

function eager(network: Network): Float32Array {
  cpuBackend.activate();
  return tf.tidy(() => {
    const flat = network.initialParameters();
    const parameters = network.parameters.map(({ shape, offset, size }) => tf.tensor(flat.slice(offset, offset + size), [...shape]));
    const logits = network.forward(parameters, {
      image: tf.tensor4d(inputs.image, [rows, 7, 10, 3]),
      ...(network.layout.categorical.length > 0 ? { categorical: tf.tensor2d(inputs.categorical, [rows, 1], 'int32') } : {}),
      ...(network.layout.numeric.length > 0 ? { numeric: tf.tensor2d(inputs.numeric, [rows, 2]) } : {}),
    });
    return logits.dataSync() as Float32Array;
  });
}

async function compiled(network: Network): Promise<Float32Array> {
  const graph = new GraphBuilder('cnn');
  const feeds: Record<string, Tensor> = { image: new Tensor('float32', inputs.image, [rows, 7, 10, 3]) };
  const names: Record<string, string> = { image: graph.input('image', 'float32', ['N', 7, 10, 3]) };
  if (network.layout.categorical.length > 0) {
    names.categorical = graph.input('categorical', 'int32', ['N', 1]);
    names.numeric = graph.input('numeric', 'float32', ['N', 2]);
    feeds.categorical = new Tensor('int32', inputs.categorical, [rows, 1]);
    feeds.numeric = new Tensor('float32', inputs.numeric, [rows, 2]);
  }
  graph.node('Identity', [lowerNetwork(graph, network, names, network.initialParameters())], {}, 'logits');
  graph.output('logits', 'float32', ['N', network.outputs]);
  const session = await InferenceSession.create(graph.encode());
  const { logits } = await session.run(feeds);
  await session.release();
  return logits.data as Float32Array;
}

describe('a convolutional network', () => {
  beforeAll(() => cpuBackend.use());

  it.each<[string, Partial<CnnOptions>, FeatureLayout]>([
    ['with the largest of each window', {}, plain],
    ['with the mean of each window', { pool: 'average' }, plain],
    ['that keeps the image’s size', { pool: 'none' }, plain],
    ['that looks at the mean of each filter', { globalPooling: true }, plain],
    ['with large filters and no hidden layer', { kernelSize: 5, hidden: [] }, plain],
    ['that normalizes', { normalization: 'layer', activation: 'tanh' }, plain],
    ['that normalizes each filter', { normalization: 'batch', activation: 'gelu' }, plain],
    ['of separable convolutions', { convolution: 'separable', activation: 'leaky-relu' }, plain],
    ['beside numbers and categories', {}, mixed],
  ])('%s computes the same in eager tfjs and as ONNX', async (_name, changes, layout) => {
    const network = buildCnn({ ...options, ...changes }, layout, 3, 11);
    const [expected, actual] = [eager(network), await compiled(network)];
    expect(actual.length).toBe(rows * 3);
    actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 4));
  });

  it('says how many numbers its widest layer makes of a row', () => {
    expect(buildCnn(options, plain, 3, 1).widestImage).toBe(7 * 10 * 4);
    expect(buildCnn({ ...options, pool: 'none' }, plain, 3, 1).widestImage).toBe(7 * 10 * 6);
  });

  it('refuses an image that is too small to be halved so often, and a layout without an image', () => {
    expect(() => buildCnn({ ...options, filters: [4, 4, 4] }, plain, 3, 1)).toThrow('halves an image of 7 × 10 3 times');
    expect(() => buildCnn(options, { categorical: [], numeric: ['a'] }, 3, 1)).toThrow('no image');
  });
});
