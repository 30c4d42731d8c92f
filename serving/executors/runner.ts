import type { Batch, BatchOutputs } from '../tensors.js';

/** Executes the batches of one version, one at a time. */
export interface Runner {
  /** @throws RunnerDiedError when it ended meanwhile, or computes for longer than it may; Error when the graph fails on these rows */
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
  /** It computed for longer than it may, and was ended. */
  readonly isStuck?: boolean;
  /** Last lines that it wrote on its standard error. */
  readonly output?: string;
}

/** The executor that held a batch ended by itself, or did not come to an end with it. */
export class RunnerDiedError extends Error {
  /** @param why a clause: "its process was ended by signal SIGSEGV" */
  constructor(
    readonly why: string,
    readonly death: RunnerDeath = {},
  ) {
    super(`The executor of the batch ended: ${why}.`);
    this.name = 'RunnerDiedError';
  }

  get isStuck(): boolean {
    return this.death.isStuck ?? false;
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

/** Two executors did not come to an end with a request, the second of which held it alone. It is of the request, and worth no retry. */
export class RequestStuckError extends Error {
  constructor(cause: RunnerDiedError) {
    super(
      "Two executors of the model were ended while they computed this request, since they took longer than the version's executeTimeoutSeconds, so it is not tried again. Other rows are answered; where these are expected to take as long, set serving.executeTimeoutSeconds of the pipeline.",
      { cause },
    );
    this.name = 'RequestStuckError';
  }
}

/** The version has no executor, and gets none at once, since they crashed again and again. Worth a retry later. */
export class NoRunnerError extends Error {
  constructor(readonly retryAfterSeconds: number) {
    super('The executors of the model crashed again and again; the next one is started after a pause. Try again then.');
    this.name = 'NoRunnerError';
  }
}
