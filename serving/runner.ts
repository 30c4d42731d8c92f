import type { Batch, BatchOutputs } from './tensors.js';

/** Executes the batches of one version, one at a time. */
export interface Runner {
  /** @throws RunnerDiedError when it ended meanwhile; Error when the graph fails on these rows */
  run(batch: Batch): Promise<BatchOutputs>;
  close(): Promise<void>;
}

/** The thread that executed a batch ended by itself. */
export class RunnerDiedError extends Error {
  constructor(why: string) {
    super(`The thread that executed the batch ended by itself: ${why}.`);
    this.name = 'RunnerDiedError';
  }
}
