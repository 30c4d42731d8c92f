import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { AnnealError } from '../../../contracts/failures.js';
import { GraphBuilder } from '../onnx-builder.js';
import { type Tape, type TapeInput, recordTape } from '../tape.js';
import { type PlainTensor, compareWithEager, runLowered } from './compare-with-eager.js';
import { allCases } from './all-cases.js';
import { documentLowerings, gradientOf, lowerGradient } from './document-lowerings.js';
import { lowerTape, lowerings } from './lower-tape.js';

const covered = new Set<string>();

/** Within a few rounding errors of float32, and the same infinities. */
function expectEqualTensors(actual: readonly PlainTensor[], expected: readonly PlainTensor[]): void {
  expect(actual.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(expected.map(({ shape, dtype }) => ({ shape, dtype })));
  actual.forEach(({ values }, i) => {
    values.forEach((value, j) => {
      const wanted = expected[i].values[j];
      if (Number.isFinite(wanted) && Number.isFinite(value))
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual(2e-7 + 3e-6 * Math.abs(wanted));
      else expect(value).toBe(wanted);
    });
  });
}

describe('a lowered kernel computes what eager tfjs computes', () => {
  test.each(allCases)('$label', async ({ inputs, compute }) => {
    for (const seed of [1, 2]) {
      const { eager, lowered, kernels } = await compareWithEager(inputs, compute, seed);
      expectEqualTensors(lowered, eager);
      for (const kernel of kernels) covered.add(kernel);
    }
  });

  test.each(allCases.filter((each) => lowerGradient(each) === true))('gradient of: $label', async (each) => {
    const { eager, lowered } = await compareWithEager(each.inputs, gradientOf(each)!, 3);
    // Sums of large terms that cancel are as exact as the terms.
    lowered.forEach(({ values }, i) => {
      const largest = Math.max(1, ...eager[i].values.filter(Number.isFinite).map(Math.abs));
      values.forEach((value, j) => {
        const wanted = eager[i].values[j];
        if (Number.isFinite(wanted) && Number.isFinite(value)) expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-5 * largest);
        else expect(value).toBe(wanted);
      });
    });
  });

  test('every kernel that has a lowering stands in a case above', () => {
    expect(Object.keys(lowerings).filter((kernel) => !covered.has(kernel))).toEqual([]);
  });

  test('a permutation that is missing reverses the axes', () => {
    const tape: Tape = {
      values: [
        { id: 0, shape: [2, 3], dtype: 'float32' },
        { id: 1, shape: [3, 2], dtype: 'float32' },
      ],
      calls: [{ kernel: 'Transpose', inputs: { x: 0 }, attributes: { perm: null }, outputs: [1] }],
      inputs: { x: 0 },
      outputs: { y: 1 },
    };
    const graph = new GraphBuilder('transpose');
    lowerTape(graph, tape, { x: 'x' });
    expect(graph.toGraph().node[0].attribute![0].ints!.map(Number)).toEqual([1, 0]);
  });
});

test('the page of lowerings is what they are; "npm run docs:lowerings" writes it', () => {
  const cells = (text: string): string[] => text.split('\n').map((line) => line.replace(/ *\| */g, '|').replace(/-{3,}/g, '---'));
  const page = readFileSync(new URL('../../../docs/lowerings.md', import.meta.url), 'utf8');
  expect(cells(page)).toEqual(cells(documentLowerings()));
});

describe('a segment sum adds every row exactly once under two threads', () => {
  test.each([
    ['one scatter', 2_000, 4],
    ['a chain of scatters', 20_000, 33],
    ['the serial form', 34_000, 64],
  ])('as %s', async (_, rows, width) => {
    // Whole numbers add up without rounding, so a lost update cannot hide.
    const sums = new Float64Array(3 * width);
    const x = Array.from({ length: rows * width }, (_, i) => (i * 7) % 5);
    const ids = Array.from({ length: rows }, (_, i) => (i * i) % 3);
    x.forEach((value, i) => (sums[ids[Math.floor(i / width)] * width + (i % width)] += value));
    const inputs = {
      x: { shape: [rows, width], dtype: 'float32', values: x },
      ids: { shape: [rows], dtype: 'int32', values: ids },
    } as const;
    const [result] = await runLowered(inputs, (t) => tf.unsortedSegmentSum(t.x, t.ids as tf.Tensor1D, 3), 2);
    expect(result.values).toEqual(Array.from(sums));
  });
});

describe('what cannot be lowered is refused', () => {
  const refuse = (inputs: Record<string, TapeInput>, compute: (t: Readonly<Record<string, tf.Tensor>>) => tf.Tensor): AnnealError => {
    const tape = recordTape(inputs, (tensors) => ({ y: compute(tensors) }));
    try {
      lowerTape(new GraphBuilder('refused'), tape, { x: 'x', indices: 'indices' });
    } catch (error) {
      if (error instanceof AnnealError) return error;
      throw error;
    }
    throw new Error('it was lowered');
  };
  const vector: Record<string, TapeInput> = { x: { shape: [4], dtype: 'float32' } };
  const run = (kernel: string, inputs: Record<string, tf.Tensor>, attributes: tf.NamedAttrMap) =>
    tf.engine().runKernel(kernel, inputs, attributes) as tf.Tensor;

  test('a kernel without a lowering, by its name and its layer', () => {
    const error = refuse(vector, ({ x }) => tf.tidy('running_total', () => tf.cumsum(tf.neg(x))));
    expect(error.type).toBe('InvalidModel');
    expect(error.message).toContain('the TensorFlow.js kernel "Cumsum" in layer "running_total", which has no translation');
    expect(error.details).toEqual({ kernel: 'Cumsum', layer: 'running_total', reason: 'has no translation' });
  });

  test('an attribute that the lowering does not know', () => {
    const error = refuse(vector, ({ x }) => run('Relu', { x }, { threshold: 0.5 }));
    expect(error.message).toContain('"Relu", which carries the attribute threshold=0.5, which has no translation');
  });

  test('an element type that the lowering does not know', () => {
    const error = refuse({ x: { shape: [4], dtype: 'int32' } }, ({ x }) => run('Tanh', { x }, {}));
    expect(error.message).toContain('"Tanh", which is applied to a int32 tensor');
  });

  test('a value of an attribute that has no translation', () => {
    const inputs: Record<string, TapeInput> = { x: { shape: [2, 3], dtype: 'float32' }, indices: { shape: [2, 2], dtype: 'int32' } };
    const error = refuse(inputs, ({ x, indices }) => run('GatherV2', { x, indices }, { axis: 1, batchDims: 1 }));
    expect(error.message).toContain('has batchDims=1, expected 0');
  });

  test('a selection of whole rows, which tfjs computes wrongly itself', () => {
    const inputs: Record<string, TapeInput> = { x: { shape: [4, 3], dtype: 'float32' }, indices: { shape: [4], dtype: 'bool' } };
    const error = refuse(inputs, ({ x, indices }) => run('Select', { condition: indices, t: x, e: x }, {}));
    expect(error.message).toContain('selects whole rows');
  });

  const image: Record<string, TapeInput> = { x: { shape: [1, 5, 5, 2], dtype: 'float32' } };

  test('an image with its channels first', () => {
    const filter = tf.ones<tf.Rank.R4>([2, 2, 5, 1]);
    const error = refuse(image, ({ x }) => tf.conv2d(x as tf.Tensor4D, filter, 1, 'valid', 'NCHW'));
    expect(error.message).toContain('"Conv2D", which has dataFormat="NCHW", expected "NHWC"');
  });

  test('the gradient of a padded average, which tfjs computes wrongly itself', () => {
    const error = refuse(image, ({ x }) => tf.grad((y) => tf.sum(tf.square(tf.avgPool(y as tf.Tensor4D, 2, 2, 'same'))))(x));
    expect(error.message).toContain('"AvgPoolGrad", which pads');
  });

  test('a number as padding with uneven strides, for which tfjs computes the size by one of them', () => {
    const error = refuse(image, ({ x }) => tf.maxPool(x as tf.Tensor4D, [2, 3], [2, 1], 1));
    expect(error.message).toContain('which is not what its window reaches');
  });

  test('a pooling window that may see nothing but padding', () => {
    const error = refuse(image, ({ x }) => tf.maxPool(x as tf.Tensor4D, 2, 1, 2));
    expect(error.message).toContain('"MaxPool", which pads by as much as its filter is long');
  });

  test('a kernel in the gradient, by the function that it is the gradient of and the layer that its operand came from', () => {
    const error = refuse({ x: { shape: [4], dtype: 'float32' } }, ({ x }) =>
      tf.grad((y) => tf.tidy('hyperbolic', () => tf.sum(tf.sinh(tf.neg(y)))))(x),
    );
    expect(error.message).toContain(
      'tf.sinh in layer "hyperbolic", whose gradient takes the TensorFlow.js kernel "Cosh", which has no translation.',
    );
  });
});

describe('a batch of any size', () => {
  const inputs: Record<string, TapeInput> = { x: { shape: [1009, 3], dtype: 'float32' } };
  const lower = (compute: (x: tf.Tensor) => tf.Tensor) =>
    lowerTape(
      new GraphBuilder('dynamic'),
      recordTape(inputs, ({ x }) => ({ y: compute(x) })),
      { x: 'x' },
      { dynamicBatch: 1009 },
    );

  test('passes through shapes that hold it once', () => {
    expect(() => lower((x) => tf.reshape(tf.slice(x, [0, 1], [-1, 2]), [1009, 2, 1]))).not.toThrow();
  });

  test('is refused in a constant, in a repetition and in a cut', () => {
    expect(() => lower((x) => tf.sub(x, tf.reshape(tf.range(0, 1009), [1009, 1])))).toThrow(
      'a constant of shape [1009, 1], which depends on the size of the batch',
    );
    expect(() => lower((x) => tf.slice(x, [1, 0], [1008, 3]))).toThrow('depends on the size of the batch');
    expect(() => lower((x) => tf.unstack(x, 0)[0])).toThrow('depends on the size of the batch');
  });
});
