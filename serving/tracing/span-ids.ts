import { randomFillSync } from 'node:crypto';

const pooledBytes = 4096;
let pool = new Uint8Array(0);
let used = 0;

/** Random bytes, of which one call of the system gives many: a call for each would cost more than the rest of a span. */
function randomId(bytes: number): Uint8Array {
  if (used + bytes > pool.length) {
    pool = randomFillSync(new Uint8Array(pooledBytes));
    used = 0;
  }
  return pool.subarray(used, (used += bytes));
}

export const newTraceId = (): Uint8Array => randomId(16);
export const newSpanId = (): Uint8Array => randomId(8);
