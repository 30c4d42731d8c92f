import { describe, expect, test } from '@jest/globals';
import { exitCodes } from './command-error.js';
import { parseInstances, predictionText } from './predict.js';

describe('parseInstances', () => {
  const row = { origin: 'SFO' };
  test.each([
    ['a row', row, [row]],
    ['several rows', [row, row], [row, row]],
    ['a whole request', { instances: [row] }, [row]],
  ])('takes %s', (_, value, rows) => {
    expect(parseInstances(JSON.stringify(value))).toEqual(rows);
  });

  test.each(["{'origin':'SFO'}", '[]', '[1]', '"SFO"', '{"instances":[]}', ''])('refuses %s as wrong usage', (text) => {
    expect(() => parseInstances(text)).toThrow(expect.objectContaining({ exitCode: exitCodes.usage }));
  });
});

describe('predictionText', () => {
  test('shows the other quantiles beside the median', () => {
    expect(predictionText({ value: 12.5, quantiles: { '0.1': 3, '0.5': 12.5, '0.9': 30 } })).toBe('12.5 (0.1: 3, 0.9: 30)');
  });

  test.each([
    [{ label: 'late', probability: 0.73118 }, 'late (probability 0.7312)'],
    [{ label: 'on time', probability: 0.2, probabilities: { 'on time': 0.8, late: 0.2 } }, 'on time (probability 0.8000)'],
    [{ label: 'Adelie', probabilities: { Adelie: 0.98, Gentoo: 0.02 } }, 'Adelie (probability 0.9800)'],
    [{ value: 12.5 }, '12.5'],
  ])('says %j as %s', (prediction, text) => {
    expect(predictionText(prediction)).toBe(text);
  });
});
