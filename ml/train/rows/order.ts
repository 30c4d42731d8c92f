import { seededRandom } from '../../search/seeded-random.js';

/**
 * The order in which an epoch visits the rows; a pure function of its arguments, so a resumed run visits the same ones.
 *
 * @returns a uniform permutation of 0 … rows − 1, shape [rows]
 */
export function epochOrder(seed: number, epoch: number, rows: number): Int32Array {
  const order = new Int32Array(rows);
  for (let i = 0; i < rows; i++) order[i] = i;
  return shuffle(order, seededRandom(seed, epoch));
}

/**
 * Bring items into a uniformly random order, in place.
 *
 * @returns `items`
 * @see Durstenfeld 1964, algorithm 235: random permutation
 */
export function shuffle(items: Int32Array, random: () => number): Int32Array {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const swapped = items[i];
    items[i] = items[j];
    items[j] = swapped;
  }
  return items;
}

/**
 * How an epoch is cut into mini-batches: all of one size, the rest of the rows waits for another epoch's order.
 *
 * @returns the batch size, no larger than the rows, and the number of whole batches
 */
export function epochBatches(rows: number, batchSize: number): { batchSize: number; stepsPerEpoch: number } {
  const size = Math.min(batchSize, rows);
  return { batchSize: size, stepsPerEpoch: Math.floor(rows / size) };
}
