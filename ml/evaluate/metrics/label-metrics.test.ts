import { expect, it } from '@jest/globals';
import { computeMetrics, labelReport } from './metrics.js';
import { macroLabelMetrics, metricsOfLabel } from './label-metrics.js';
import { applyCalibration, fitCalibration, thresholdsOf } from '../calibration/prediction-calibration.js';

const f32 = (...values: number[]) => Float32Array.from(values);
// Labels of the rows: {a}, {a, b}, {}, {b}.
const actual = f32(1, 3, 0, 2);
const predicted = f32(0.9, 0.1, 0.8, 0.3, 0.2, 0.6, 0.3, 0.9);

it('measures each label as a target of its own', () => {
  const of = { predicted, actual, labels: 2 };
  expect(metricsOfLabel(of, 0)).toMatchObject({ auc: 1, accuracy: 1, macroF1: 1 });
  const second = metricsOfLabel(of, 1);
  // Of b the rows 2 and 4 have 0.3 and 0.9, the others 0.1 and 0.6.
  expect(second).toMatchObject({ auc: 0.75, accuracy: 0.5, macroF1: 0.5 });
  expect(second.brier).toBeCloseTo((0.01 + 0.49 + 0.36 + 0.01) / 4, 6);
  expect(macroLabelMetrics(of).auc).toBe(0.875);
  expect(macroLabelMetrics({ ...of, thresholds: [0.95, 0.2] }).macroF1).toBeCloseTo((0 + 4 / 5) / 2, 10);
});

it('leaves a label that every row has out of the means that it does not define', () => {
  const metrics = computeMetrics({ task: 'multilabel', classes: 2, predicted, actual: f32(1, 3, 1, 3) });
  expect(metrics.auc).toBe(metricsOfLabel({ predicted, actual: f32(1, 3, 1, 3), labels: 2 }, 1).auc);
  expect(Object.keys(labelReport({ task: 'multilabel', classes: 2, predicted, actual: f32(1, 3, 1, 3) }, ['a', 'b']).a)).not.toContain(
    'auc',
  );
});

it('calibrates each label, and chooses its threshold, as if there were no other', () => {
  const logits = f32(...Array.from({ length: 400 }, (_, i) => Math.sin(i * 1.7) * 2 + (i % 2)));
  const bits = f32(
    ...Array.from({ length: 200 }, (_, row) => Number(logits[2 * row] > 0.5) + 2 * Number(logits[2 * row + 1] > 1 !== (row % 7 === 0))),
  );
  const calibration = fitCalibration('multilabel', logits, bits, 2, []);
  const both = applyCalibration(calibration, logits, 2);
  [0, 1].forEach((label) => {
    const column = logits.filter((_, i) => i % 2 === label);
    const truth = bits.map((value) => (value >> label) & 1);
    const alone = fitCalibration('binary', column, truth, 1, []);
    applyCalibration(alone, column, 1).forEach((value, row) => expect(both[2 * row + label]).toBeCloseTo(value, 6));
    expect(thresholdsOf(calibration)![label]).toBeGreaterThan(0);
  });
});
