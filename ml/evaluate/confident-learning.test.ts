import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../search/seeded-random.js';
import { confidentLearning } from './confident-learning.js';

describe('confidentLearning', () => {
  it('agrees with thresholds, joint and suspects that were worked out by hand', () => {
    // Given class 0: self-confidences 0.9, 0.7, 0.2, 0.6 (mean 0.6); given class 1: 0.8, 0.1, 0.9, 0.6 (mean 0.6).
    const rows = [
      [0, 0.9],
      [0, 0.7],
      [0, 0.2], // confidently 1
      [0, 0.6],
      [1, 0.2],
      [1, 0.9], // confidently 0
      [1, 0.1],
      [1, 0.4],
    ];
    const probabilities = Float32Array.from(rows.flatMap(([, p]) => [p, 1 - p]));
    const { thresholds, joint, suspects } = confidentLearning({ classes: 2, given: rows.map(([label]) => label), probabilities });
    expect(thresholds.map((value) => Number(value.toFixed(6)))).toEqual([0.6, 0.6]);
    expect(joint).toEqual([
      [3, 1],
      [1, 3],
    ]);
    expect(suspects.map(({ row, given, likely }) => [row, given, likely])).toEqual([
      [5, 1, 0],
      [2, 0, 1],
    ]);
    expect(suspects[0].margin).toBeCloseTo(-0.8, 6);
  });

  it('scales the joint to the rows of each given class, leaving out those it is not confident of', () => {
    // Given 0 with confidences 0.9, 0.9, 0.5, 0.1: threshold 0.6; given 1 with 0.9 and 0.9: threshold 0.9.
    const positive = [0.9, 0.9, 0.5, 0.1, 0.1, 0.1];
    const probabilities = Float32Array.from(positive.flatMap((p) => [p, 1 - p]));
    const { joint, suspects } = confidentLearning({ classes: 2, given: [0, 0, 0, 0, 1, 1], probabilities });
    expect(joint[0][0]).toBeCloseTo((2 / 3) * 4, 12);
    expect(joint[0][1]).toBeCloseTo((1 / 3) * 4, 12);
    expect(joint[1]).toEqual([0, 2]);
    expect(suspects.map(({ row }) => row)).toEqual([3]);
  });

  it('finds labels that were flipped among three overlapping classes', () => {
    const { given, truth, probabilities } = noisyClasses(3000, 3, 0.1);
    const { suspects, joint } = confidentLearning({ classes: 3, given, probabilities });
    const flipped = new Set(given.flatMap((label, row) => (label === truth[row] ? [] : [row])));
    const hits = suspects.filter(({ row }) => flipped.has(row)).length;
    // By chance a tenth of any rows would be flipped ones.
    expect(hits / suspects.length).toBeGreaterThan(0.8);
    expect(hits / flipped.size).toBeGreaterThan(0.8);
    const top = suspects.slice(0, 100).filter(({ row }) => flipped.has(row)).length;
    expect(top).toBeGreaterThan(95);
    const off = joint.flatMap((row, i) => row.filter((_, k) => k !== i)).reduce((sum, value) => sum + value, 0);
    expect(off / given.length).toBeGreaterThan(0.07);
    expect(off / given.length).toBeLessThan(0.14);
  });

  it('suspects nobody when the model is sure of every label', () => {
    const probabilities = Float32Array.from([1, 0, 0, 1, 1, 0]);
    expect(confidentLearning({ classes: 2, given: [0, 1, 0], probabilities }).suspects).toEqual([]);
  });

  it('keeps the number of rows of each class, whatever the probabilities', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2), fc.float({ min: 0, max: 1, noNaN: true }), fc.float({ min: 0, max: 1, noNaN: true })), {
          minLength: 1,
        }),
        (rows) => {
          const probabilities = Float32Array.from(rows.flatMap(([, a, b]) => [a / 2, b / 2, 1 - a / 2 - b / 2]));
          const given = rows.map(([label]) => label);
          const { joint, suspects } = confidentLearning({ classes: 3, given, probabilities });
          joint.forEach((row, k) =>
            expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(given.filter((label) => label === k).length, 6),
          );
          expect(suspects.every(({ given: label, likely, margin }) => label !== likely && margin < 0)).toBe(true);
        },
      ),
    );
  });
});

/** Probabilities of the true class that a good but not perfect model would give, and labels of which `noise` are wrong. */
function noisyClasses(rows: number, classes: number, noise: number): { given: number[]; truth: number[]; probabilities: Float32Array } {
  const random = seededRandom(7, 0);
  const truth = Array.from({ length: rows }, () => Math.floor(random() * classes));
  const given = truth.map((label) => (random() < noise ? (label + 1 + Math.floor(random() * (classes - 1))) % classes : label));
  const probabilities = new Float32Array(rows * classes);
  truth.forEach((label, row) => {
    const scores = Array.from({ length: classes }, (_, k) => Math.exp((k === label ? 2.5 : 0) + 2 * (random() - 0.5)));
    const total = scores.reduce((sum, score) => sum + score, 0);
    scores.forEach((score, k) => (probabilities[row * classes + k] = score / total));
  });
  return { given, truth, probabilities };
}
