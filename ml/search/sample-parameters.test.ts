import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ParameterRange } from '../../contracts/pipeline.js';
import { sampleParameters } from './sample-parameters.js';

const space: Record<string, ParameterRange> = {
  'training.learningRate': { kind: 'log-uniform', low: 0.0005, high: 0.02 },
  'training.weightDecay': { kind: 'uniform', low: 0, high: 0.1 },
  'training.epochs': { kind: 'integer', low: 2, high: 4 },
  'model.hidden': { kind: 'choice', values: [[64], [128, 64], [256, 128]] },
};

const trials = (seed: number, count: number) => Array.from({ length: count }, (_, trial) => sampleParameters(space, seed, trial));

describe('sampleParameters', () => {
  it('gives the same trial for the same seed and number, and others for others', () => {
    expect(sampleParameters(space, 1, 3)).toEqual(sampleParameters(space, 1, 3));
    const distinct = new Set([...trials(1, 8), ...trials(2, 8)].map((parameters) => JSON.stringify(parameters)));
    expect(distinct.size).toBe(16);
  });

  it('keeps drawing what it drew when it was written, so that a replay is the same', () => {
    expect(sampleParameters(space, 1, 0)).toMatchInlineSnapshot(`
{
  "model.hidden": [
    256,
    128,
  ],
  "training.epochs": 3,
  "training.learningRate": 0.0021,
  "training.weightDecay": 0.02105,
}
`);
  });

  it('draws a path alike whatever else is in the space, and in whatever order', () => {
    const { 'training.learningRate': rate, ...others } = space;
    const alone = sampleParameters({ 'training.learningRate': rate }, 5, 2);
    const turned = sampleParameters({ ...others, 'training.learningRate': rate }, 5, 2);
    expect(turned['training.learningRate']).toBe(alone['training.learningRate']);
    expect(turned).toEqual(sampleParameters(space, 5, 2));
  });

  it('stays within the ranges for any seed and trial', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, trial) => {
        const drawn = sampleParameters(space, seed, trial);
        expect(drawn['training.learningRate']).toBeGreaterThanOrEqual(0.0005);
        expect(drawn['training.learningRate']).toBeLessThanOrEqual(0.02);
        expect(drawn['training.weightDecay']).toBeLessThanOrEqual(0.1);
        expect([2, 3, 4]).toContain(drawn['training.epochs']);
        expect([[64], [128, 64], [256, 128]]).toContainEqual(drawn['model.hidden']);
      }),
    );
  });

  it('draws whole numbers evenly in the logarithm', () => {
    const range: ParameterRange = { kind: 'log-integer', low: 1, high: 63 };
    const drawn = Array.from({ length: 600 }, (_, trial) => sampleParameters({ 'training.batchSize': range }, 3, trial)).map(
      (parameters) => parameters['training.batchSize'] as number,
    );
    expect(drawn.every((value) => Number.isInteger(value) && value >= 1 && value <= 63)).toBe(true);
    // From 1 to 64 are six doublings; the first three end below 8.
    expect(drawn.filter((value) => value < 8).length).toBeGreaterThan(250);
    expect(drawn.filter((value) => value < 8).length).toBeLessThan(350);
  });

  it('reaches the whole of each range', () => {
    const drawn = trials(7, 400);
    const rates = drawn.map((parameters) => parameters['training.learningRate'] as number);
    const below = rates.filter((rate) => rate < Math.sqrt(0.0005 * 0.02)).length;
    expect(below).toBeGreaterThan(150);
    expect(below).toBeLessThan(250);
    for (const epochs of [2, 3, 4])
      expect(drawn.filter((parameters) => parameters['training.epochs'] === epochs).length).toBeGreaterThan(90);
  });
});
