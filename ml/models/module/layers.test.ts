import { beforeAll, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { StepPlan } from '../../train/engine.js';
import { buildTrainingGraph } from '../../train/engines/training-graph.js';
import { cpuBackend } from '../../train/engines/tfjs-backend.js';
import { networkOf } from '../build-network.js';
import { moduleOf } from './module-fixture.js';
import { recordNetwork } from './recorded-network.js';

beforeAll(() => cpuBackend.use());

const vector: FeatureLayout = { categorical: [], numeric: ['a', 'b', 'c'] };
const image: FeatureLayout = { categorical: [], numeric: [], image: { name: 'picture', height: 8, width: 8, channels: 2 } };

async function planOf(layers: string, layout: FeatureLayout): Promise<StepPlan> {
  const shape = layout.image ? '[8, 8, 2]' : '[3]';
  const model = await moduleOf(`import * as tf from '@tensorflow/tfjs-layers'; const l = tf.layers; const flat = l.flatten();
    export default ({ outputs }) => tf.sequential({ layers: [l.inputLayer({ inputShape: ${shape} }), ${layers}, l.dense({ units: outputs })] });`);
  const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 };
  return { model, layout, task: 'binary', outputs: 1, batchSize: 8, optimizer, seed: 1, threads: 1 };
}

const activations = `elu gelu gelu_new hardSigmoid linear logSoftmax mish relu relu6 selu sigmoid softmax softplus softsign swish tanh`;
const ofVectors = [
  ...activations.split(' ').map((name) => `l.dense({ units: 4, activation: '${name}' })`),
  'l.prelu()',
  'l.leakyReLU()',
  'l.elu()',
  'l.softmax()',
  'l.batchNormalization()',
  'l.layerNormalization()',
  'l.dropout({ rate: 0.5 })',
  'l.repeatVector({ n: 2 }), flat',
  'l.reshape({ targetShape: [3, 1] }), l.permute({ dims: [2, 1] }), flat',
  'l.reshape({ targetShape: [3, 1] }), l.conv1d({ filters: 2, kernelSize: 2 }), flat',
  'l.reshape({ targetShape: [3, 1] }), l.maxPooling1d({ poolSize: 2 }), flat',
  'l.reshape({ targetShape: [3, 1] }), l.averagePooling1d({ poolSize: 2 }), flat',
  'l.reshape({ targetShape: [3, 1] }), l.globalAveragePooling1d({})',
  'l.reshape({ targetShape: [3, 1] }), l.globalMaxPooling1d({})',
  'l.reshape({ targetShape: [3, 1] }), l.timeDistributed({ layer: l.dense({ units: 2 }) }), flat',
  'l.reshape({ targetShape: [3, 1] }), l.simpleRNN({ units: 3 })',
  'l.reshape({ targetShape: [3, 1] }), l.gru({ units: 3 })',
  'l.reshape({ targetShape: [3, 1] }), l.lstm({ units: 3, returnSequences: true }), flat',
  "l.reshape({ targetShape: [3, 1] }), l.bidirectional({ layer: l.lstm({ units: 2 }), mergeMode: 'sum' })",
];
const ofImages = [
  'l.conv2d({ filters: 3, kernelSize: 3, strides: 2 }), flat',
  'l.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2 }), flat',
  'l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 }), flat',
  'l.separableConv2d({ filters: 3, kernelSize: 3 }), flat',
  'l.zeroPadding2d({ padding: 1 }), flat',
  'l.cropping2D({ cropping: [[1, 0], [0, 1]] }), flat',
  'l.averagePooling2d({ poolSize: 2 }), flat',
  "l.maxPooling2d({ poolSize: 3, strides: 1, padding: 'same' }), flat",
  'l.upSampling2d({ size: [2, 3] }), flat',
  'l.globalMaxPooling2d({})',
  'l.globalAveragePooling2d({})',
  'l.batchNormalization(), flat',
  'l.layerNormalization(), flat',
];

test.each([...ofVectors.map((layers) => [layers, vector] as const), ...ofImages.map((layers) => [layers, image] as const)])(
  'a model with %s compiles, forward and backward',
  async (layers, layout) => {
    const plan = await planOf(layers, layout);
    const network = networkOf(plan);
    expect(recordNetwork(network).tape.calls.length).toBeGreaterThan(0);
    expect(buildTrainingGraph(network, plan).length).toBeGreaterThan(0);
  },
);

test.each([
  ["l.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }), flat", image, '"ResizeBilinear" in layer "up_sampling2d'],
  ['l.conv2d({ filters: 2, kernelSize: 2, dilationRate: 2 }), flat', image, 'cannot be differentiated: Error in gradient of fused conv2D'],
  [
    'l.dense({ units: 2 }), l.thresholdedReLU({ theta: 0.1 })',
    vector,
    'cannot be differentiated: it calls tf.greater, which has no gradient in TensorFlow.js',
  ],
  ['l.spatialDropout1d({ rate: 0.1 })', { ...vector, numeric: ['a'] }, 'threw while it built the model'],
] as const)('a model with %s is refused before it trains', async (layers, layout, message) => {
  const plan = await planOf(layers, layout as FeatureLayout);
  expect(() => recordNetwork(networkOf(plan))).toThrow(message);
});
