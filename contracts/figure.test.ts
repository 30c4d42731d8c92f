import { expect, test } from '@jest/globals';
import { figure } from './figure.js';

test.each([
  [0.76523, '0.7652'],
  [0.5, '0.5000'],
  [0, '0.0000'],
  [1, '1.000'],
  [-0.25, '-0.2500'],
  [0.00012344, '0.0001234'],
  [1.2344e-9, '1.234e-9'],
  [12.3456, '12.35'],
  [999.96, '1000'],
  [12_345.678, '12350'],
  [123_456_789, '123500000'],
  [1.001064489070096e25, '1.001e+25'],
  [-1.001064489070096e25, '-1.001e+25'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
])('%d is shown as %s', (value, text) => {
  expect(figure(value)).toBe(text);
});

test('what is not there is shown as the caller wants it', () => {
  expect([figure(undefined), figure(null, 'n/a')]).toEqual(['–', 'n/a']);
});
