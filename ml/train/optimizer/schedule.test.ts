import { describe, expect, it } from '@jest/globals';
import { learningRates } from './schedule.js';

const lengthOf = (totalSteps: number, stepsPerEpoch = 10) => ({ totalSteps, stepsPerEpoch });

describe('learningRates', () => {
  it('stays at the peak when constant', () => {
    expect([...learningRates('constant', 0.5, lengthOf(10), 3, 4)]).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  it('rises to the peak, then follows half a cosine towards zero', () => {
    const rates = learningRates('cosine', 1, lengthOf(100), 0, 100);
    expect([...rates.subarray(0, 5)].map((rate) => Number(rate.toFixed(4)))).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
    expect(Math.max(...rates)).toBe(1);
    expect(rates[52]).toBeGreaterThan(rates[53]);
    expect(rates[5 + 47]).toBeCloseTo(0.5, 1);
    expect(rates[99]).toBeGreaterThan(0);
    expect(rates[99]).toBeLessThan(0.001);
  });

  it('gives a step the same rate wherever the call begins', () => {
    const whole = learningRates('cosine', 0.01, lengthOf(57), 0, 57);
    const pieces = [...learningRates('cosine', 0.01, lengthOf(57), 0, 13), ...learningRates('cosine', 0.01, lengthOf(57), 13, 44)];
    expect(pieces).toEqual([...whole]);
  });

  it('has a finite rate for the only step of the shortest schedule', () => {
    expect([...learningRates('cosine', 0.25, lengthOf(1), 0, 1)]).toEqual([0.25]);
  });

  it('ends a cosine at its final share of the peak', () => {
    const rates = learningRates({ kind: 'cosine', warmupSteps: 0, final: 0.1 }, 2, lengthOf(100), 0, 100);
    expect(rates[0]).toBe(2);
    expect(rates[50]).toBeCloseTo(2 * (0.1 + 0.9 / 2), 6);
    expect(rates[99]).toBeCloseTo(2 * (0.1 + (0.9 / 2) * (1 + Math.cos(0.99 * Math.PI))), 6);
  });

  it('gives a cosine that is written out the rates of the name alone', () => {
    expect(learningRates({ kind: 'cosine', final: 0 }, 0.3, lengthOf(57), 0, 57)).toEqual(
      learningRates('cosine', 0.3, lengthOf(57), 0, 57),
    );
  });

  it('multiplies by the factor after each so many epochs, and rises to the peak before', () => {
    const rates = learningRates({ kind: 'step', warmupSteps: 4, everyEpochs: 1.5, factor: 0.5 }, 1, lengthOf(50), 0, 50);
    expect([...rates.subarray(0, 5)]).toEqual([0.25, 0.5, 0.75, 1, 1]);
    expect([rates[14], rates[15], rates[29], rates[30], rates[45]]).toEqual([1, 0.5, 0.5, 0.25, 0.125]);
  });

  it('warms a constant rate up', () => {
    expect([...learningRates({ kind: 'constant', warmupSteps: 2 }, 1, lengthOf(9), 0, 4)]).toEqual([0.5, 1, 1, 1]);
  });
});
