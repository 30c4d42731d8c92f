import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.js';

const checkpoint: Checkpoint = {
  key: 'pipeline/flights/1',
  digest: 'abc',
  plan: {
    model: { family: 'linear' },
    layout: { categorical: [], numeric: ['délai'] },
    task: 'binary',
    outputs: 1,
    batchSize: 8,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 },
    seed: 1,
    threads: 1,
  },
  engine: { name: 'onnxruntime', reason: 'the default' },
  step: 12,
  validatedAtStep: 12,
  stopping: { reference: 0.7, epochsWaited: 1 },
  history: { points: [{ step: 3, metrics: { loss: 0.1 + 0.2 } }], lossSum: 1 / 3, lossCount: 2 },
  best: {
    step: 9,
    metrics: { auc: 0.7 },
    calibration: { kind: 'platt', slope: 1.1, intercept: -0.1 },
    threshold: 0.25,
    parameters: Float32Array.of(7, -0, 1e-40),
  },
  state: {
    parameters: Float32Array.of(1, 2, Math.PI),
    firstMoment: Float32Array.of(0.1, 0.2, 0.3),
    secondMoment: Float32Array.of(1e-9, 2e-9, 3e38),
  },
};

describe('encodeCheckpoint', () => {
  it('gives everything back, bit for bit, also from a buffer at an odd offset', () => {
    const bytes = encodeCheckpoint(checkpoint);
    const shifted = new Uint8Array(bytes.length + 3).subarray(3);
    shifted.set(bytes);
    for (const copy of [bytes, shifted, Buffer.from(bytes)]) {
      const decoded = decodeCheckpoint(copy);
      expect(decoded).toEqual(checkpoint);
      expect(Object.is(decoded.best!.parameters[1], -0)).toBe(true);
      expect(Buffer.compare(encodeCheckpoint(decoded), bytes)).toBe(0);
    }
  });

  it('keeps whatever vectors an optimizer has, and names them', () => {
    const { parameters, firstMoment } = checkpoint.state;
    for (const state of [{ parameters }, { parameters, firstMoment }, { ...checkpoint.state, average: Float32Array.of(4, 5, 6) }]) {
      expect(decodeCheckpoint(encodeCheckpoint({ ...checkpoint, state }))).toEqual({ ...checkpoint, state });
    }
  });

  it('writes parameters and two moments to the bytes that the first version of the format had', () => {
    const digest = createHash('sha256').update(encodeCheckpoint(checkpoint)).digest('hex');
    expect(digest).toBe('fddb7e499d2057dd4d7878ec04dad0286e1fbb77c86d4fb4e10f62410b922505');
  });

  it('needs no best state', () => {
    const { best: _, ...young } = checkpoint;
    expect(decodeCheckpoint(encodeCheckpoint(young))).toEqual(young);
  });
});

describe('decodeCheckpoint', () => {
  const bytes = encodeCheckpoint(checkpoint);

  it('refuses a file that was cut at any place', () => {
    for (let length = 0; length < bytes.length; length += 11) {
      expect(() => decodeCheckpoint(bytes.subarray(0, length))).toThrow(expect.objectContaining({ type: 'ArtifactCorrupt' }));
    }
  });

  it('refuses a file with one flipped bit, wherever it is', () => {
    for (let at = 0; at < bytes.length; at += 7) {
      const damaged = bytes.slice();
      damaged[at] ^= 1;
      expect(() => decodeCheckpoint(damaged)).toThrow(expect.objectContaining({ type: 'ArtifactCorrupt' }));
    }
  });
});
