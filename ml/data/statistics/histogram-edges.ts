/** About how many bins lie between the bulk's ends; round steps make it 10 to 25, and two for what is far out. */
const wantedBins = 20;
const mostBins = 60;
const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const timeSteps = [
  ...[1, 2, 5, 15, 30].map((n) => n * secondMs),
  ...[1, 2, 5, 15, 30].map((n) => n * minuteMs),
  ...[1, 2, 3, 6, 12].map((n) => n * hourMs),
  ...[1, 2, 7, 14, 28, 91, 182, 365, 730].map((n) => n * dayMs),
];

/** What a histogram has to show. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
  /** Quantiles 0.01 and 0.99. */
  readonly low: number;
  readonly high: number;
}

/**
 * Edges of a histogram that a few values far out cannot squeeze: round steps over the bulk of the values, and a wide bin
 * for the rest on each side that has one.
 *
 * Pure. An integer column of few values gets a bin for each; wider bins hold equally many integers.
 *
 * @returns at least two numbers, increasing, from at most `min` to at least `max`
 */
export function histogramEdges({ min, max, low, high }: ValueRange, kind: 'integer' | 'float' | 'time'): number[] {
  if (!(max > min) || !Number.isFinite(max - min)) return increasing([min, low, high, max]);
  const isCompact = max - min <= 2 * (high - low) || !(high > low);
  const [from, until] = isCompact ? [min, max] : [low, high];
  const step = stepFor(until - from, kind);
  // Integers lie in the middle of their bins.
  const shift = kind === 'integer' ? 0.5 : 0;
  const first = Math.floor((from + shift) / step);
  const last = Math.max(first + 1, kind === 'integer' ? Math.floor((until + shift) / step) + 1 : Math.ceil(until / step));
  // Steps below what a double can hold.
  if (!(last - first <= mostBins)) return increasing([min, low, high, max]);
  const inside = Array.from({ length: last - first + 1 }, (_, i) => edgeAt(first + i, step, shift)).filter(Number.isFinite);
  return increasing([...(min < inside[0] ? [min] : []), ...inside, ...(max > inside[inside.length - 1] ? [max] : [])]);
}

function edgeAt(index: number, step: number, shift: number): number {
  const edge = index * step - shift;
  // 3 · 0.1 is 0.30000000000000004, which nobody wants to read; far from 0, the digits are needed.
  const short = Number(edge.toPrecision(12));
  return Math.abs(short - edge) < step * 1e-6 ? short : edge;
}

function stepFor(range: number, kind: 'integer' | 'float' | 'time'): number {
  const exact = range / wantedBins;
  if (kind === 'time') {
    const step = timeSteps.find((candidate) => candidate >= exact * 0.8);
    return step ?? 365 * dayMs * niceStep(exact / (365 * dayMs));
  }
  const nice = niceStep(exact);
  return kind === 'integer' ? Math.max(1, Math.round(nice)) : nice;
}

/** The nearest of 1, 2, 2.5, 5 times a power of ten. */
function niceStep(exact: number): number {
  const power = 10 ** Math.floor(Math.log10(exact));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= exact * 0.9) ?? 10;
  return factor * power;
}

/** Sorted, without repetitions; a single value becomes a bin without width. */
function increasing(edges: readonly number[]): number[] {
  const sorted = [...new Set(edges)].toSorted((a, b) => a - b);
  return sorted.length === 1 ? [sorted[0], sorted[0]] : sorted;
}

/** How many of `edges` are at most the value: its bin, when `edges` are those between the bins. */
export function binOf(value: number, edges: readonly number[]): number {
  let from = 0;
  let until = edges.length;
  while (from < until) {
    const middle = (from + until) >> 1;
    if (value < edges[middle]) until = middle;
    else from = middle + 1;
  }
  return from;
}
