import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import type { FeatureLayout } from '../../contracts/dataset.js';
import type { ModelSpec } from '../../contracts/pipeline.js';
import { buildNetwork } from '../models/build-network.js';
import { cpuBackend } from '../train/engines/tfjs-backend.js';
import { lowerNetwork } from './lower-network.js';
import { GraphBuilder } from './onnx-builder.js';

const layout: FeatureLayout = {
  categorical: [
    { name: 'origin', size: 6, dimension: 'auto' },
    { name: 'hour', size: 24, dimension: 4 },
    { name: 'weekday', size: 6, dimension: 'auto', encoding: 'one-hot' },
  ],
  numeric: ['distance', 'delay'],
};
const models: readonly ModelSpec[] = [
  { family: 'linear' },
  { family: 'mlp', hidden: [8], activation: 'elu' },
  { family: 'wide-and-deep', hidden: [8, 6], activation: 'relu', embeddingScale: 1 },
];

function exported(model: ModelSpec, part: FeatureLayout = layout): Uint8Array {
  const network = buildNetwork(model, part, 3, 5);
  const graph = new GraphBuilder('model');
  const inputs = {
    categorical: part.categorical.length > 0 ? graph.input('categorical', 'int32', ['N', part.categorical.length]) : undefined,
    numeric: part.numeric.length > 0 ? graph.input('numeric', 'float32', ['N', part.numeric.length]) : undefined,
  };
  graph.node('Identity', [lowerNetwork(graph, network, inputs, network.initialParameters())], {}, 'logits');
  graph.output('logits', 'float32', ['N', 3]);
  return graph.encode();
}

describe('a network with its parameters as constants', () => {
  test.each(models)('gives the logits of eager tfjs for batches of any size: $family', async (model) => {
    const network = buildNetwork(model, layout, 3, 5);
    const session = await ort.InferenceSession.create(exported(model));
    for (const rows of [1, 7]) {
      const categorical = Int32Array.from({ length: rows * 3 }, (_, i) => (i * 5) % 6);
      const numeric = Float32Array.from({ length: rows * 2 }, (_, i) => Math.sin(i));
      await cpuBackend.use();
      const parameters = network.initialParameters();
      const expected = network
        .forward(
          network.parameters.map(({ shape, offset, size }) => tf.tensor(parameters.slice(offset, offset + size), [...shape])),
          { categorical: tf.tensor2d(categorical, [rows, 3], 'int32'), numeric: tf.tensor2d(numeric, [rows, 2]) },
        )
        .dataSync();
      const { logits } = await session.run({
        categorical: new ort.Tensor('int32', categorical, [rows, 3]),
        numeric: new ort.Tensor('float32', numeric, [rows, 2]),
      });
      expect(logits.dims).toEqual([rows, 3]);
      (logits.data as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    }
    await session.release();
  });

  test('is the same bytes every time', () => {
    expect(exported(models[2])).toEqual(exported(models[2]));
  });

  test('works on numbers alone and on categories alone', async () => {
    for (const part of [
      { ...layout, categorical: [] },
      { ...layout, numeric: [] },
    ]) {
      for (const model of models) {
        const session = await ort.InferenceSession.create(exported(model, part));
        expect(session.outputNames).toEqual(['logits']);
        await session.release();
      }
    }
  });

  test('refuses a vector of another length', () => {
    const network = buildNetwork(models[0], layout, 1, 5);
    expect(() => lowerNetwork(new GraphBuilder('model'), network, { categorical: 'c', numeric: 'n' }, new Float32Array(3))).toThrow(
      'the network has 39 parameters, 3 were given',
    );
  });
});
