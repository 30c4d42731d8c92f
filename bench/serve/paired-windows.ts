import { summarize, type Measured } from './open-loop.js';
import type { MachineNoise } from './machine-noise.js';

/** A stretch of a run under an open loop, and what else the machine did meanwhile. */
export type Window = Measured & MachineNoise;

/** One side of a pair. */
interface Side extends MachineNoise {
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly clientHeldUpMs: number;
}

/** A window that is held against the calms before and after it, so that noise which comes and goes falls upon both. */
export interface Pair {
  readonly calm: Side;
  readonly promoting: Side;
  /** p99 while promoting by p99 in the two calms together. */
  readonly ratio: number;
}

/** @param calm one more than `promoting`, the first one before all */
export function pairWindows(calm: readonly Window[], promoting: readonly Window[]): Pair[] {
  return promoting.map((window, i) => {
    const pair = { calm: sideOf([calm[i], calm[i + 1]]), promoting: sideOf([window]) };
    return { ...pair, ratio: pair.promoting.p99Ms / pair.calm.p99Ms };
  });
}

function sideOf(windows: readonly Window[]): Side {
  const { p99Ms, maxMs } = summarize(windows);
  const most = (key: 'clientHeldUpMs' | 'othersCores' | 'stolenCores'): number => Math.max(...windows.map((window) => window[key]));
  return { p99Ms, maxMs, clientHeldUpMs: most('clientHeldUpMs'), othersCores: most('othersCores'), stolenCores: most('stolenCores') };
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A table of all pairs; both sides of each in one cell. */
export function pairsTable(pairs: readonly Pair[]): string {
  const both = ({ calm, promoting }: Pair, key: keyof Side, digits: number): string =>
    `${calm[key].toFixed(digits).padStart(6)} / ${promoting[key].toFixed(digits).padStart(6)}`;
  const lines = pairs.map((pair, i) => {
    const cells = [both(pair, 'p99Ms', 1), both(pair, 'maxMs', 1), both(pair, 'clientHeldUpMs', 1)];
    const noise = [both(pair, 'othersCores', 2), both(pair, 'stolenCores', 2)];
    return `| ${String(i + 1).padStart(5)} | ${pair.ratio.toFixed(2).padStart(5)} | ${[...cells, ...noise].join(' | ')} |`;
  });
  return `| group | ratio | p99 ms          | max ms          | client held up  | others, cores   | stolen, cores   |
|------:|------:|----------------:|----------------:|----------------:|----------------:|----------------:|
${lines.join('\n')}`;
}
