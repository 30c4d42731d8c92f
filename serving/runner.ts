import type { Batch, BatchOutputs } from './tensors.js';

/** Executes the batches of one version, one at a time. */
export interface Runner {
  /** @throws RunnerDiedError when it ended meanwhile; Error when the graph fails on these rows */
  run(batch: Batch): Promise<BatchOutputs>;
  close(): Promise<void>;
  /** Of a process of its own. */
  readonly pid?: number;
}

/** How an executor ended by itself, for the log. */
export interface RunnerDeath {
  readonly pid?: number;
  readonly signal?: NodeJS.Signals;
  readonly exitCode?: number;
  /** Last lines that it wrote on its standard error. */
  readonly output?: string;
}

/** The executor that held a batch ended by itself. */
export class RunnerDiedError extends Error {
  /** @param why a clause: "its process was ended by signal SIGSEGV" */
  constructor(
    readonly why: string,
    readonly death: RunnerDeath = {},
  ) {
    super(`The executor of the batch ended by itself: ${why}.`);
    this.name = 'RunnerDiedError';
  }
}

/** Two executors ended while they computed a request: the second held it alone. It is of the request, and worth no retry. */
export class RequestCrashedError extends Error {
  constructor(cause: RunnerDiedError) {
    super(
      'Two executors of the model crashed while they computed this request, so it is not tried again. The log of the host says how they ended; other rows are answered.',
      { cause },
    );
    this.name = 'RequestCrashedError';
  }
}

/** The version has no executor, and gets none at once, since they crashed again and again. Worth a retry later. */
export class NoRunnerError extends Error {
  constructor(readonly retryAfterSeconds: number) {
    super('The executors of the model crashed again and again; the next one is started after a pause. Try again then.');
    this.name = 'NoRunnerError';
  }
}
