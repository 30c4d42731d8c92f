import { createHash } from 'node:crypto';
import type { Batch, BatchOutputs } from '../tensors.js';

export interface CachedAnswer {
  readonly version: string;
  readonly outputs: BatchOutputs;
}

/** Larger requests are not kept: they hardly come twice, and memory is finite. */
const maxRows = 64;

/** The last answers of a model, by what was asked. */
export class AnswerCache {
  /** From the least recently used to the most. */
  readonly #answers = new Map<string, CachedAnswer>();

  constructor(private readonly capacity: number) {}

  put(batch: Batch, answer: CachedAnswer): void {
    if (batch.rows > maxRows) return;
    const key = keyOf(batch);
    this.#answers.delete(key);
    // A copy: the outputs may be a view of a whole batch's.
    const { values, classIndex, anomaly } = answer.outputs;
    const copy = {
      values: values.slice(),
      ...(classIndex ? { classIndex: classIndex.slice() } : {}),
      ...(anomaly ? { anomaly: anomaly.slice() } : {}),
    };
    this.#answers.set(key, { ...answer, outputs: copy });
    if (this.#answers.size > this.capacity) this.#answers.delete(this.#answers.keys().next().value!);
  }

  get(batch: Batch): CachedAnswer | undefined {
    if (batch.rows > maxRows) return undefined;
    const key = keyOf(batch);
    const answer = this.#answers.get(key);
    if (!answer) return undefined;
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    return answer;
  }
}

function keyOf({ rows, columns }: Batch): string {
  const hash = createHash('sha256').update(String(rows));
  for (const column of columns) {
    if (Array.isArray(column)) hash.update(JSON.stringify(column));
    else hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
  return hash.digest('base64');
}
