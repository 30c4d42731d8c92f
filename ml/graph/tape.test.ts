import { beforeEach, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients.
import '@tensorflow/tfjs-layers';
import { cpuBackend } from '../train/engines/tfjs-backend.js';
import { recordTape } from './tape.js';

const vector = { x: { shape: [4], dtype: 'float32' } } as const;

describe('recording', () => {
  beforeEach(() => cpuBackend.use());

  test('writes kernels down in order, with attributes and values', () => {
    const tape = recordTape(vector, ({ x }) => ({ y: tf.sum(tf.mul(tf.neg(x), 3), 0, true) }));
    expect(tape.calls.map(({ kernel }) => kernel)).toEqual(['Neg', 'Multiply', 'Sum']);
    expect(tape.calls[2].attributes).toEqual({ axis: 0, keepDims: true });
    const factor = tape.values[tape.calls[1].inputs.b];
    expect(factor).toMatchObject({ shape: [], dtype: 'float32', constant: Float32Array.of(3) });
    expect(tape.values[tape.outputs.y].shape).toEqual([1]);
  });

  test('leaves out what no output needs, and what depends on no input', () => {
    const tape = recordTape(vector, ({ x }) => {
      tf.exp(x);
      return { y: tf.add(x, tf.square(tf.scalar(3))) };
    });
    expect(tape.calls.map(({ kernel }) => kernel)).toEqual(['Add']);
    expect(tape.values.filter(({ constant }) => constant).map(({ constant }) => [...constant!])).toEqual([[9]]);
  });

  test('tells a value from its reshaped and its cast form, though they share their data', () => {
    const input = { x: { shape: [2, 2], dtype: 'int32' } } as const;
    const tape = recordTape(input, ({ x }) => {
      const flat = tf.reshape(x, [4]);
      return { flat, back: tf.reshape(flat, [2, 2]), float: tf.cast(x, 'float32') };
    });
    expect(tape.calls.map(({ kernel }) => kernel)).toEqual(['Reshape', 'Cast']);
    expect(tape.outputs.back).toBe(tape.inputs.x);
    expect(tape.values[tape.outputs.float].dtype).toBe('float32');
  });

  test('records the gradients that tfjs derives', () => {
    const tape = recordTape(vector, ({ x }) => ({ y: tf.grad((z) => tf.sum(tf.square(z)))(x) }));
    expect(tape.calls.map(({ kernel }) => kernel)).toContain('Multiply');
    expect(tape.values[tape.outputs.y].shape).toEqual([4]);
  });

  test('names the innermost layer, and gives gradients that of their operands', () => {
    const tape = recordTape(vector, ({ x }) => ({
      y: tf.tidy('outer', () => tf.tidy('inner', () => tf.neg(x))),
      z: tf.exp(tf.tidy('first', () => tf.square(x))),
    }));
    expect(tape.calls.map(({ layer }) => layer)).toEqual(['inner', 'first', 'first']);
  });

  test('knows the shape of a costly product without carrying it out', () => {
    const inputs = { a: { shape: [3000, 4000], dtype: 'float32' }, b: { shape: [5000, 4000], dtype: 'float32' } } as const;
    const start = performance.now();
    const tape = recordTape(inputs, ({ a, b }) => ({ y: tf.matMul(a, b, false, true) }));
    expect(tape.values[tape.outputs.y].shape).toEqual([3000, 5000]);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('recording beside other use of tfjs', () => {
  beforeEach(() => cpuBackend.use());

  test('leaves backend and memory as they were, also when the computation fails', () => {
    const before = tf.memory().numTensors;
    const kept = tf.tensor1d([1, 2, 3, 4]);
    recordTape(vector, ({ x }) => ({ y: tf.add(x, kept) }));
    expect(() =>
      recordTape(vector, ({ x }) => {
        tf.neg(x);
        throw new Error('broken model');
      }),
    ).toThrow('broken model');
    expect(tf.getBackend()).toBe('cpu');
    expect(tf.memory().numTensors).toBe(before + 1);
    expect([...tf.neg(kept).dataSync()]).toEqual([-1, -2, -3, -4]);
    kept.dispose();
  });

  test('refuses to begin inside another recording', () => {
    expect(() => recordTape(vector, ({ x }) => recordTape(vector, () => ({ x })) as never)).toThrow('a recording is in progress already');
    expect(recordTape(vector, ({ x }) => ({ y: tf.neg(x) })).calls).toHaveLength(1);
  });
});
