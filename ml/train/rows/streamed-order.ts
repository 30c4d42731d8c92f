import { seededRandom } from '../../search/seeded-random.js';
import { shuffle } from './order.js';

/** How rows that do not fit into memory are read. Part of the plan: the order of the rows depends on it. */
export interface StreamingPlan {
  /** The rows are cut into so many shards of equal length (to a row), each of which is read in one piece. */
  readonly shards: number;
  /** Shards that are in memory together; an epoch is as many windows as it takes. */
  readonly windowShards: number;
}

/** Rows of a shard: long enough to be read fast, short enough that a window is made of many. */
const mostShardRows = 4096;
const shardsOfWindow = 16;

/**
 * @param windowBytes memory of one window; two are in memory at a time
 * @param rowBytes an encoded row with its target
 */
export function planStreaming(rows: number, rowBytes: number, windowBytes: number, batchSize: number): StreamingPlan {
  // A window of a few mini-batches would leave many rows out at its end.
  const windowRows = Math.max(Math.floor(windowBytes / rowBytes), 8 * Math.min(batchSize, rows));
  const shardRows = Math.max(1, Math.min(mostShardRows, Math.floor(windowRows / shardsOfWindow)));
  const shards = Math.ceil(rows / shardRows);
  return { shards, windowShards: Math.min(shards, Math.max(1, Math.floor(windowRows / Math.ceil(rows / shards)))) };
}

/** @returns mini-batches of each window of an epoch, shape [windows]; the same in every epoch */
export function windowSteps({ shards, windowShards }: StreamingPlan, rows: number, batchSize: number): number[] {
  const fewest = Math.floor(rows / shards);
  return Array.from({ length: Math.ceil(shards / windowShards) }, (_, window) =>
    Math.floor((Math.min(windowShards, shards - window * windowShards) * fewest) / batchSize),
  );
}

/** A range of rows of the file. */
export interface Shard {
  readonly from: number;
  readonly until: number;
}

/** Set these draws apart from the epochs' orders. */
const domains = { shards: 0x7368_6172, rows: 0x726f_7773 } as const;

/**
 * The shards that a window of an epoch holds, in the order in which they lie in it: all shards are shuffled anew in each epoch, and
 * dealt out to the windows. A pure function of its arguments.
 */
export function windowShards(
  { shards, windowShards: size }: StreamingPlan,
  seed: number,
  epoch: number,
  window: number,
  rows: number,
): Shard[] {
  const order = new Int32Array(shards);
  for (let i = 0; i < shards; i++) order[i] = i;
  shuffle(order, seededRandom(seed, epoch, domains.shards));
  const boundary = (shard: number) => Math.floor((shard * rows) / shards);
  return Array.from(order.subarray(window * size, (window + 1) * size), (shard) => ({ from: boundary(shard), until: boundary(shard + 1) }));
}

/**
 * The order in which the rows of a window are visited; a pure function of its arguments.
 *
 * @param rows of the window
 * @returns a uniform permutation of 0 … rows − 1, shape [rows]
 */
export function windowOrder(seed: number, epoch: number, window: number, rows: number): Int32Array {
  const order = new Int32Array(rows);
  for (let i = 0; i < rows; i++) order[i] = i;
  return shuffle(order, seededRandom(seed, epoch, domains.rows, window));
}
