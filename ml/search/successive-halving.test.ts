import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rankTrials, selectSurvivors, type RungResult } from './successive-halving.js';

const rung = (...values: (number | undefined)[]): RungResult[] => values.map((value, trial) => ({ trial, value }));

describe('selectSurvivors', () => {
  it.each<[string, RungResult[], number, boolean, number[]]>([
    ['the best third of nine, higher is better', rung(0.1, 0.9, 0.3, 0.8, 0.2, 0.7, 0.4, 0.5, 0.6), 3, false, [1, 3, 5]],
    ['the best half of four, lower is better', rung(4, 1, 3, 2), 2, true, [1, 3]],
    ['two of eight with a factor of three', rung(8, 7, 6, 5, 4, 3, 2, 1), 3, true, [7, 6]],
    ['one of fewer than the factor', rung(0.5, 0.6), 3, false, [1]],
    ['a diverged trial never', rung(Number.NaN, 0.6, Number.NaN, 0.7), 2, false, [3, 1]],
    ['a failed or infinite trial never', rung(undefined, -Infinity, 5), 2, true, [2]],
    ['nobody when all diverged', rung(Number.NaN, Number.NaN), 2, false, []],
    ['the lower number of equal ones', [2, 0, 1].map((trial) => ({ trial, value: 0.5 })), 3, false, [0]],
    ['nobody of nobody', [], 2, false, []],
  ])('promotes %s', (_name, results, eta, lowerIsBetter, expected) => {
    expect(selectSurvivors(results, eta, lowerIsBetter)).toEqual(expected);
  });

  const results = fc
    .array(fc.option(fc.double({ noDefaultInfinity: true }), { nil: undefined }), { maxLength: 40 })
    .map((values) => values.map((value, trial) => ({ trial, value })));

  it('promotes no one who is worse than one it leaves behind, and as many as there are places for', () => {
    fc.assert(
      fc.property(results, fc.integer({ min: 2, max: 5 }), fc.boolean(), (all, eta, lowerIsBetter) => {
        const survivors = selectSurvivors(all, eta, lowerIsBetter);
        const finite = all.filter(({ value }) => Number.isFinite(value));
        expect(survivors).toHaveLength(Math.min(finite.length, Math.max(1, Math.floor(all.length / eta))));
        const sign = lowerIsBetter ? 1 : -1;
        const left = finite.filter(({ trial }) => !survivors.includes(trial));
        for (const trial of survivors) for (const other of left) expect(sign * all[trial].value!).toBeLessThanOrEqual(sign * other.value!);
      }),
    );
  });

  it('does not depend on the order in which the trials finished', () => {
    fc.assert(
      fc.property(
        results.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        fc.boolean(),
        ([all, shuffled], lowerIsBetter) => {
          expect(selectSurvivors(shuffled, 3, lowerIsBetter)).toEqual(selectSurvivors(all, 3, lowerIsBetter));
        },
      ),
    );
  });
});

describe('rankTrials', () => {
  it('lists every trial with a value, best first', () => {
    expect(rankTrials(rung(0.2, undefined, 0.9, 0.2), false)).toEqual([2, 0, 3]);
  });
});
