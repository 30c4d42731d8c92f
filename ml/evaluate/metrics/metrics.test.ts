import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { baselineMetrics } from '../baseline.js';
import { bestF1Threshold } from './best-threshold.js';
import { calibrationBins } from '../calibration/calibration.js';
import { confusionMatrix } from './confusion.js';
import { computeMetrics, predictionConfusion, type Predictions } from './metrics.js';
import { classAtThreshold } from './predicted-class.js';
import { applyCalibration, fitCalibration } from '../calibration/prediction-calibration.js';

interface Fixture {
  binary: {
    logits: number[];
    probabilities: number[];
    labels: number[];
    threshold: number;
    expected: Record<string, number>;
    confusion: number[][];
    bestF1: number;
    platt: { slope: number; intercept: number };
  };
  multiclass: {
    classes: number;
    logits: number[];
    probabilities: number[];
    labels: number[];
    expected: Record<string, number>;
    confusion: number[][];
    scale: number;
  };
  regression: { predicted: number[]; actual: number[]; expected: Record<string, number> };
}

/** Made by fixtures/metrics.py with scikit-learn. */
const fixture = JSON.parse(readFileSync(new URL('../fixtures/metrics.json', import.meta.url), 'utf8')) as Fixture;

const f32 = (values: readonly number[]): Float32Array => Float32Array.from(values);

function expectClose(actual: Record<string, number>, expected: Record<string, number>, tolerance: number): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, value] of Object.entries(expected)) expect(Math.abs(actual[name] - value)).toBeLessThan(tolerance);
}

const binary: Predictions = {
  task: 'binary',
  classes: 2,
  predicted: f32(fixture.binary.probabilities),
  actual: f32(fixture.binary.labels),
  threshold: fixture.binary.threshold,
};
const multiclass: Predictions = {
  task: 'multiclass',
  classes: fixture.multiclass.classes,
  predicted: f32(fixture.multiclass.probabilities),
  actual: f32(fixture.multiclass.labels),
};

describe('computeMetrics', () => {
  it('agrees with scikit-learn on a binary task with many ties', () => {
    expectClose(computeMetrics(binary), fixture.binary.expected, 1e-9);
    expect(predictionConfusion(binary)).toEqual(fixture.binary.confusion);
  });

  it('agrees with scikit-learn on a multiclass task', () => {
    expectClose(computeMetrics(multiclass), fixture.multiclass.expected, 1e-6);
    expect(predictionConfusion(multiclass)).toEqual(fixture.multiclass.confusion);
  });

  it('agrees with scikit-learn on a regression', () => {
    const { predicted, actual, expected } = fixture.regression;
    expectClose(computeMetrics({ task: 'regression', classes: 0, predicted: f32(predicted), actual: f32(actual) }), expected, 1e-6);
  });

  it('leaves out what one class alone does not define', () => {
    const metrics = computeMetrics({ task: 'binary', classes: 2, predicted: f32([0.2, 0.4]), actual: f32([0, 0]) });
    expect(metrics).not.toHaveProperty('auc');
    expect(metrics).not.toHaveProperty('averagePrecision');
    expect(metrics.accuracy).toBe(1);
  });

  it('leaves out a class without rows from the macro AUC', () => {
    const metrics = computeMetrics({
      task: 'multiclass',
      classes: 3,
      predicted: f32([0.7, 0.2, 0.1, 0.2, 0.7, 0.1]),
      actual: f32([0, 1]),
    });
    expect(metrics.auc).toBe(1);
  });

  it('has no metrics of no rows', () => {
    expect(computeMetrics({ task: 'binary', classes: 2, predicted: f32([]), actual: f32([]) })).toEqual({});
  });

  it('clips the log-loss of a certain and wrong prediction', () => {
    const { logLoss } = computeMetrics({ task: 'binary', classes: 2, predicted: f32([1, 0]), actual: f32([0, 1]) });
    expect(logLoss).toBeCloseTo(-Math.log(2 ** -23), 6);
  });

  it('measures half a million rows in a few seconds at the most', () => {
    const rows = 500_000;
    const predicted = new Float32Array(rows);
    const actual = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      predicted[row] = ((row * 2654435761) % 4294967296) / 4294967296;
      actual[row] = (row * 40503) % 65536 < predicted[row] * 65536 ? 1 : 0;
    }
    // Processor time: the machine that runs the tests may be busy with others.
    const before = process.cpuUsage();
    const metrics = computeMetrics({ task: 'binary', classes: 2, predicted, actual });
    const used = process.cpuUsage(before);
    expect((used.user + used.system) / 1000).toBeLessThan(4000);
    expect(metrics.auc).toBeGreaterThan(0.7);
  });
});

describe('baselineMetrics', () => {
  it('knows nothing about a binary task but the share of the classes', () => {
    const metrics = baselineMetrics('binary', [0.75, 0.25], f32([0, 0, 0, 1]));
    expect(metrics).toMatchObject({ auc: 0.5, averagePrecision: 0.25, accuracy: 0.75, brier: 0.1875, ece: 0 });
    expect(metrics.logLoss).toBeCloseTo(-(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25)), 6);
  });

  it('predicts the shares of a multiclass task', () => {
    expect(baselineMetrics('multiclass', [0.5, 0.25, 0.25], f32([0, 1, 2, 0]))).toMatchObject({ auc: 0.5, accuracy: 0.5 });
  });

  it('predicts the mean of a regression', () => {
    expect(baselineMetrics('regression', [2, 1], f32([1, 3]))).toEqual({ rmse: 1, mae: 1, r2: 0 });
  });
});

describe('bestF1Threshold', () => {
  it('reaches the best F1 of the precision-recall curve, at the threshold that it names', () => {
    const { threshold, f1 } = bestF1Threshold(binary.predicted, binary.actual);
    expect(f1).toBeCloseTo(fixture.binary.bestF1, 9);
    const [[, falsePositive], [falseNegative, truePositive]] = confusionMatrix(
      classAtThreshold(binary.predicted, threshold),
      binary.actual,
      2,
    );
    expect((2 * truePositive) / (2 * truePositive + falsePositive + falseNegative)).toBeCloseTo(f1, 12);
  });

  it('lies between two probabilities', () => {
    expect(bestF1Threshold(f32([0.25, 0.75]), f32([0, 1]))).toEqual({ threshold: 0.5, f1: 1 });
  });

  it('is one half when no row is positive', () => {
    expect(bestF1Threshold(f32([0.1, 0.9]), f32([0, 0])).threshold).toBe(0.5);
  });
});

describe('fitCalibration', () => {
  it('fits the same Platt scaling as the logistic regression of scikit-learn', () => {
    const calibration = fitCalibration('binary', f32(fixture.binary.logits), binary.actual, 1, []);
    expect(calibration).toMatchObject({ kind: 'platt' });
    if (calibration.kind !== 'platt') return;
    expect(calibration.slope).toBeCloseTo(fixture.binary.platt.slope, 4);
    expect(calibration.intercept).toBeCloseTo(fixture.binary.platt.intercept, 4);
  });

  it('undoes the distortion of class weights', () => {
    const logits = f32(fixture.binary.logits);
    const shifted = logits.map((logit) => 0.5 * logit + 3);
    const gap = (scores: Float32Array): number => {
      const probabilities = applyCalibration(fitCalibration('binary', scores, binary.actual, 1, []), scores, 1);
      return computeMetrics({ ...binary, predicted: probabilities }).logLoss!;
    };
    expect(gap(shifted)).toBeCloseTo(gap(logits), 4);
  });

  it('leaves logits that fall where the labels rise as they are, so that nothing learned does not look like everything', () => {
    const logits = f32([4, 3, -3, -4]);
    const labels = f32([0, 0, 1, 1]);
    const calibration = fitCalibration('binary', logits, labels, 1, []);
    expect(calibration).toEqual({ kind: 'platt', slope: 1, intercept: 0 });
    expect(computeMetrics({ ...binary, predicted: applyCalibration(calibration, logits, 1), actual: labels }).auc).toBe(0);
  });

  it('stays finite when the logits separate the classes or one class is absent', () => {
    for (const labels of [f32([0, 0, 1, 1]), f32([0, 0, 0, 0])]) {
      const logits = f32([-4, -3, 3, 40]);
      const probabilities = applyCalibration(fitCalibration('binary', logits, labels, 1, []), logits, 1);
      expect([...probabilities].every((value) => value > 0 && value <= 1)).toBe(true);
    }
  });

  it('fits the temperature that minimizes the log-loss', () => {
    const { logits, labels, classes, scale } = fixture.multiclass;
    const calibration = fitCalibration('multiclass', f32(logits), f32(labels), classes, []);
    expect(calibration).toMatchObject({ kind: 'temperature' });
    if (calibration.kind === 'temperature') expect(calibration.scale).toBeCloseTo(scale, 5);
  });

  it.each([10, 1000])('is as sure of the next row as %s rows that were all told right allow', (rows) => {
    const labels = f32(Array.from({ length: rows }, (_, i) => i % 3));
    const logits = f32([...labels].flatMap((label) => [0, 1, 2].map((k) => (k === label ? 2 : 0))));
    const [certain] = applyCalibration(fitCalibration('multiclass', logits, labels, 3, []), f32([2, 0, 0]), 3);
    expect(certain).toBeCloseTo((rows + 1) / (rows + 2), 5);
  });

  it('gives a regression back in the units of its target', () => {
    const calibration = fitCalibration('regression', f32([]), f32([]), 1, [10, 4]);
    expect([...applyCalibration(calibration, f32([-1, 0, 2]), 1)]).toEqual([6, 10, 18]);
    expect(fitCalibration('regression', f32([]), f32([]), 1, [10, 0])).toMatchObject({ scale: 1 });
  });
});

describe('applyCalibration', () => {
  it('makes the softmax of multiclass logits', () => {
    const { logits, probabilities, classes } = fixture.multiclass;
    const made = applyCalibration({ kind: 'temperature', scale: 1 }, f32(logits), classes);
    made.forEach((value, i) => expect(Math.abs(value - probabilities[i])).toBeLessThan(1e-6));
  });
});

describe('calibrationBins', () => {
  it('puts a probability of 1 into the last bin and says what was observed', () => {
    const bins = calibrationBins(f32([0, 0.1, 0.5, 1]), f32([0, 1, 1, 1]), 2);
    expect(bins).toEqual([
      { from: 0, until: 0.5, rows: 2, meanPredicted: expect.closeTo(0.05, 6), observed: 0.5 },
      { from: 0.5, until: 1, rows: 2, meanPredicted: 0.75, observed: 1 },
    ]);
  });
});
