import { expect, test } from '@jest/globals';
import { operationName } from './operation-name.js';

test.each([
  ['Prod', 'tf.prod'],
  ['Conv2D', 'tf.conv2d'],
  ['GatherV2', 'tf.gather'],
  ['RealDiv', 'tf.div'],
  ['_FusedMatMul', 'the TensorFlow.js kernel "_FusedMatMul"'],
])('%s is %s in the code of a model', (kernel, name) => {
  expect(operationName(kernel)).toBe(name);
});
