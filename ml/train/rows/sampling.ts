import type { SamplingSpec } from '../../../contracts/pipeline.js';
import { seededRandom } from '../../search/seeded-random.js';
import { shuffle } from './order.js';

/** Sets these draws apart from the epochs' orders. */
const domain = 0x7361_6d70;

/** @param labels index of the class, shape [N] @returns shape [classes] */
export function classCounts(labels: Float32Array, classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const label of labels) counts[label]++;
  return counts;
}

/**
 * How many rows of each class an epoch visits. Classes without rows stay empty.
 *
 * Oversampling brings every class to at least ⌈ratio · rows of the most frequent⌉; undersampling takes every class down to at most
 * ⌈rows of the rarest / ratio⌉.
 */
export function sampledCounts({ kind, ratio }: SamplingSpec, counts: readonly number[]): number[] {
  const present = counts.filter((count) => count > 0);
  const [rarest, mostFrequent] = [Math.min(...present), Math.max(...present)];
  const bound = kind === 'oversample' ? Math.ceil(ratio * mostFrequent) : Math.ceil(rarest / ratio);
  return counts.map((count) => (count === 0 ? 0 : kind === 'oversample' ? Math.max(count, bound) : Math.min(count, bound)));
}

/**
 * The order in which an epoch visits the rows of sampled classes; a pure function of its arguments.
 *
 * Within a class every row comes ⌊n / rows⌋ or one more times, and which ones come once more is drawn anew in each epoch.
 *
 * @param labels index of the class, shape [N]
 * @param counts rows of each class in the epoch, n, shape [classes]
 * @returns indices into the rows, shape [Σ counts]
 */
export function sampledOrder(seed: number, epoch: number, labels: Float32Array, counts: readonly number[]): Int32Array {
  const random = seededRandom(seed, epoch, domain);
  const members: number[][] = counts.map(() => []);
  labels.forEach((label, row) => members[label].push(row));
  const order = new Int32Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  members.forEach((rows, label) => {
    if (rows.length === 0) return;
    const drawn = shuffle(Int32Array.from(rows), random);
    for (let i = 0; i < counts[label]; i++) order[at++] = drawn[i % drawn.length];
  });
  return shuffle(order, random);
}
