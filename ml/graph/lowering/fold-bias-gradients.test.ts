import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { recordTape, type Tape } from '../tape.js';
import { foldBiasGradients } from './fold-bias-gradients.js';

const inputs = {
  x: { shape: [2, 4, 4, 3], dtype: 'float32' },
  filter: { shape: [3, 3, 3, 5], dtype: 'float32' },
  bias: { shape: [5], dtype: 'float32' },
} as const;

/** The gradients of a convolution with a bias, and what `also` makes of that of the bias. */
function record(also: (bias: tf.Tensor) => tf.Tensor = (bias) => bias): Tape {
  return recordTape(inputs, ({ x, filter, bias }) => {
    const loss = (f: tf.Tensor, b: tf.Tensor) => tf.sum(tf.sin(tf.add(tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'), b)));
    const [ofFilter, ofBias] = tf.grads(loss as (...given: tf.Tensor[]) => tf.Tensor)([filter, bias]);
    return { ofFilter, ofBias: also(ofBias) };
  });
}

const kernels = (tape: Tape) => tape.calls.map(({ kernel }) => kernel);

test('the gradient of a bias becomes the second output of its filter’s', () => {
  const tape = record();
  const folded = foldBiasGradients(tape);
  const [filter] = folded.calls.filter(({ kernel }) => kernel === 'Conv2DBackpropFilter');
  expect(filter.outputs.map((id) => folded.values[id].shape)).toEqual([[3, 3, 3, 5], [5]]);
  const sums = tape.calls.filter(({ kernel }) => kernel === 'Sum');
  expect(kernels(folded)).toHaveLength(kernels(tape).length - 1);
  expect(sums.map(({ outputs }) => outputs[0])).toContain(filter.outputs[1]);
});

test('a sum over other axes stays, and so does one that is read before the filter’s gradient is made', () => {
  const rows = recordTape(inputs, ({ x, filter }) => {
    const loss = (f: tf.Tensor) => tf.sum(tf.sin(tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same')));
    return { ofFilter: tf.grad(loss)(filter), other: tf.sum(tf.sum(x, [1, 2])) };
  });
  expect(foldBiasGradients(rows)).toBe(rows);
  const early = record();
  const filterAt = early.calls.findIndex(({ kernel }) => kernel === 'Conv2DBackpropFilter');
  const sumAt = early.calls.findIndex(
    ({ kernel, inputs: { x } }) => kernel === 'Sum' && x === early.calls[filterAt].inputs.dy && early.values[x].shape.length === 4,
  );
  const reader = { kernel: 'Neg', inputs: { x: early.calls[sumAt].outputs[0] }, attributes: {}, outputs: [early.values.length] };
  const calls = [early.calls[sumAt], reader, ...early.calls.filter((_, i) => i !== sumAt)];
  const tape: Tape = { ...early, calls };
  expect(foldBiasGradients(tape)).toBe(tape);
});
