import type { Instance } from './instances.js';

/** A request's rows; the host takes no more of them, and no longer bodies. */
const chunkRows = 1000;
const chunkBytes = 4 << 20;

export interface Chunk {
  /** Number of its first row, from 1. */
  readonly first: number;
  readonly rows: readonly Instance[];
}

/** Rows in pieces that one request can carry, in their order. */
export async function* inChunks(rows: AsyncIterable<Instance>, maxRows = chunkRows, maxBytes = chunkBytes): AsyncGenerator<Chunk> {
  let first = 1;
  let held: Instance[] = [];
  let bytes = 0;
  for await (const row of rows) {
    const size = JSON.stringify(row).length;
    if (held.length > 0 && (held.length >= maxRows || bytes + size > maxBytes)) {
      yield { first, rows: held };
      first += held.length;
      held = [];
      bytes = 0;
    }
    held.push(row);
    bytes += size;
  }
  if (held.length > 0) yield { first, rows: held };
}

/** What is asked for each piece, a few at a time, in the order of the pieces. */
export async function* inOrder<T, R>(pieces: AsyncIterable<T>, ask: (piece: T) => Promise<R>, atOnce = 3): AsyncGenerator<R> {
  const asked: Promise<R>[] = [];
  for await (const piece of pieces) {
    const answer = ask(piece);
    // A failure is told when its turn comes.
    answer.catch(() => undefined);
    asked.push(answer);
    if (asked.length >= atOnce) yield await asked.shift()!;
  }
  for (const answer of asked) yield await answer;
}
