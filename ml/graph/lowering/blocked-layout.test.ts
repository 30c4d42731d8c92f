import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { channelBlock } from '../../train/engines/channel-block.js';
import { GraphBuilder } from '../onnx-builder.js';
import { recordTape } from '../tape.js';
import { type Computation, type RandomInput, compareWithEager } from './compare-with-eager.js';
import { lowerTape } from './lower-tape.js';

const block = await channelBlock();

/** Small whole numbers: sums come out exactly in any order, and windows hold equal largest elements. */
function whole(...shape: number[]): RandomInput {
  const size = shape.reduce((product, length) => product * length, 1);
  return { shape, dtype: 'float32', values: Array.from({ length: size }, (_, i) => ((i * i + 3 * i) % 11) - 5) };
}

type Images = Record<string, tf.Tensor4D & tf.Tensor1D>;

function gradients(compute: (tensors: Images) => tf.Tensor, ...names: string[]): Computation {
  return (tensors) => {
    const given = names.map((name) => tensors[name]);
    const { value, grads } = tf.valueAndGrads((...changed: tf.Tensor[]) => {
      const all = { ...tensors, ...Object.fromEntries(names.map((name, i) => [name, changed[i]])) };
      return tf.sum(tf.square(compute(all as Images)));
    })(given);
    return [value, ...grads];
  };
}

const cases: readonly { readonly label: string; readonly inputs: Record<string, RandomInput>; readonly compute: Computation }[] = [
  {
    label: 'a convolution of one channel, with bias, rectifier and pooling',
    inputs: { x: whole(2, 6, 8, 1), filter: whole(3, 3, 1, 16), bias: whole(16) },
    compute: gradients(
      ({ x, filter, bias }) => tf.maxPool(tf.relu(tf.add(tf.conv2d(x, filter, 1, 'same'), bias)) as tf.Tensor4D, 2, 2, 'valid'),
      'x',
      'filter',
      'bias',
    ),
  },
  {
    label: 'a convolution of 16 channels to 32, then one that goes in strides',
    inputs: { x: whole(2, 5, 6, 16), filter: whole(3, 2, 16, 32), second: whole(2, 2, 32, 16) },
    compute: gradients(({ x, filter, second }) => tf.conv2d(tf.conv2d(x, filter, 1, 'same'), second, 2, 'valid'), 'x', 'filter', 'second'),
  },
  {
    label: 'a convolution of 16 channels to 20, which fill no blocks',
    inputs: { x: whole(2, 4, 4, 16), filter: whole(3, 3, 16, 20), bias: whole(20) },
    compute: gradients(({ x, filter, bias }) => tf.relu(tf.add(tf.conv2d(x, filter, 1, 'same'), bias)), 'x', 'filter', 'bias'),
  },
  {
    label: 'a convolution by filters of many elements, with bias',
    inputs: { x: whole(2, 8, 7, 2), filter: whole(6, 6, 2, 16), bias: whole(16) },
    compute: gradients(({ x, filter, bias }) => tf.relu(tf.add(tf.conv2d(x, filter, 1, 'same'), bias)), 'x', 'filter', 'bias'),
  },
  {
    label: 'windows of three by two with equal elements, and windows that overlap',
    inputs: { x: whole(2, 6, 6, 16), filter: whole(1, 1, 16, 16) },
    compute: gradients(
      ({ x, filter }) => {
        const made = tf.conv2d(x, filter, 1, 'same');
        return tf.concat([
          tf.reshape(tf.maxPool(made, [3, 2], [3, 2], 'valid'), [-1]),
          tf.reshape(tf.maxPool(made, 3, 1, 'same'), [-1]),
          tf.reshape(tf.avgPool(made, 2, 2, 'valid'), [-1]),
        ]);
      },
      'x',
      'filter',
    ),
  },
  {
    label: 'a normalized image, a shortcut, and the mean over all pixels',
    inputs: { x: whole(3, 4, 4, 16), filter: whole(3, 3, 16, 16), scale: whole(16) },
    compute: gradients(
      ({ x, filter, scale }) => {
        const made = tf.conv2d(x, filter, 1, 'same');
        const centered = tf.sub(made, tf.mean(made, [1, 2, 3], true));
        const normal = tf.mul(centered, tf.rsqrt(tf.add(tf.mean(tf.square(centered), [1, 2, 3], true), 1e-5)));
        return tf.mean(tf.add(tf.mul(normal, scale), x), [1, 2]);
      },
      'x',
      'filter',
      'scale',
    ),
  },
];

describe('images in blocks of channels', () => {
  test.each(cases)('$label: values and gradients of eager tfjs', async ({ inputs, compute }) => {
    const { eager, lowered } = await compareWithEager(inputs, compute, 1, block);
    expect(lowered.map(({ shape }) => shape)).toEqual(eager.map(({ shape }) => shape));
    lowered.forEach(({ values }, i) => {
      const largest = Math.max(...eager[i].values.map(Math.abs));
      values.forEach((value, j) => expect(Math.abs(value - eager[i].values[j])).toBeLessThanOrEqual(3e-6 * largest + 2e-7));
    });
  });

  test('a convolution whose channels fill blocks is one, where this machine has them', () => {
    const types = (of: number) => {
      const inputs = { x: whole(1, 4, 4, 1), filter: whole(3, 3, 1, of) };
      const tape = recordTape(inputs, ({ x, filter }) => ({ y: tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same') }));
      const graph = new GraphBuilder('blocks');
      lowerTape(graph, tape, { x: 'x', filter: 'filter' }, { channelBlock: block });
      return graph.toGraph().node!.map(({ domain }) => domain);
    };
    if (block === undefined) expect(types(48)).not.toContain('com.microsoft.nchwc');
    else expect(types(48)).toContain('com.microsoft.nchwc');
    expect(types(12)).not.toContain('com.microsoft.nchwc');
  });
});
