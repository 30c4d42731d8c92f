import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import type { MetricPoint } from '../contracts/training.js';
import { LiveCurve, type LogPoints } from './live-curve.js';

const curveOf = (points: number): MetricPoint[] =>
  Array.from({ length: points }, (_, i) => ({ step: i + 1, metrics: { loss: 1 / (i + 1) } }));

/** What was logged, as [points, from]. */
function recording(fail: () => boolean = () => false): { readonly logged: [number, number][]; readonly open: () => Promise<LogPoints> } {
  const logged: [number, number][] = [];
  const open = async (): Promise<LogPoints> => {
    if (fail()) throw new Error('MLflow is away');
    return async (points, from) => {
      if (fail()) throw new Error('MLflow is away');
      logged.push([points.length, from]);
    };
  };
  return { logged, open };
}

it('sends what has come once in a while, from the last point that was there before, since that may have changed', async () => {
  const { logged, open } = recording();
  const curve = new LiveCurve(open, () => {}, 100);
  for (let points = 1; points <= 5; points++) curve.show(curveOf(points));
  expect(logged).toEqual([]);
  await sleep(150);
  expect(logged).toEqual([[5, 0]]);
  curve.show(curveOf(5));
  await sleep(150);
  expect(logged).toHaveLength(1);
  curve.show(curveOf(7));
  await sleep(150);
  expect(logged).toEqual([
    [5, 0],
    [7, 4],
  ]);
  curve.end();
});

it('opens nothing for a training that is shorter than the time between two sends', async () => {
  let isOpened = false;
  const curve = new LiveCurve(
    async () => {
      isOpened = true;
      return async () => {};
    },
    () => {},
    50,
  );
  curve.show(curveOf(3));
  curve.end();
  curve.show(curveOf(4));
  await sleep(100);
  expect(isOpened).toBe(false);
});

it('tells of an MLflow that is away once, asks ever more rarely, and shows all of the curve when it is back', async () => {
  let isAway = true;
  let attempts = 0;
  const { logged, open } = recording(() => {
    attempts++;
    return isAway;
  });
  const troubles: unknown[] = [];
  const curve = new LiveCurve(open, (error) => troubles.push(error), 20);
  curve.show(curveOf(10));
  await sleep(400);
  expect(troubles).toEqual([new Error('MLflow is away')]);
  // After 20, 60, 140 and 300 ms.
  expect(attempts).toBeGreaterThan(1);
  expect(attempts).toBeLessThan(6);
  isAway = false;
  await sleep(500);
  expect(logged).toEqual([[10, 0]]);
  curve.end();
});

it('has one send on its way at a time, however long that takes, and sends nothing after its end', async () => {
  let release!: () => void;
  const hanging = new Promise<void>((resolve) => (release = resolve));
  const logged: number[] = [];
  const log: LogPoints = async (points) => {
    logged.push(points.length);
    await hanging;
  };
  const curve = new LiveCurve(
    async () => log,
    () => {},
    10,
  );
  curve.show(curveOf(1));
  await sleep(50);
  curve.show(curveOf(2));
  await sleep(50);
  expect(logged).toEqual([1]);
  curve.end();
  release();
  await sleep(50);
  expect(logged).toEqual([1]);
});
