import { type ChildProcess, fork } from 'node:child_process';
import { compiledFlags, compiledModule } from '../../ml/child/compiled-module.js';
import type { SegmentHeader } from '../../serving/prediction-log/logged-version.js';
import type { LoggedRows } from '../../serving/prediction-log/segments-to-parquet.js';

/** What a supervisor asks of the process; answered once. */
export interface ParquetRequest {
  readonly segments: readonly string[];
  readonly header: SegmentHeader;
  readonly path: string;
  readonly scratchRoot: string;
}

export interface ParquetReply {
  readonly rows?: LoggedRows;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (rows: LoggedRows | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** A process that has had nothing to do for this long is let go, with its memory. */
const idleMs = 60_000;

/**
 * `segmentsToParquet` in a process of its own at the lowest priority: what the log costs, it costs what requests leave of the
 * processor. Where they leave too little, segments pile up, and in the end requests are not logged.
 */
export class LogParquet {
  #child: ChildProcess | undefined;
  #waiting: Waiting | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** One at a time. @throws Error when it failed, or the process ended; worth another try */
  readonly toParquet = (
    segments: readonly string[],
    header: SegmentHeader,
    path: string,
    scratchRoot: string,
  ): Promise<LoggedRows | undefined> => {
    clearTimeout(this.#idle);
    const child = (this.#child ??= this.#start());
    return new Promise<LoggedRows | undefined>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const request: ParquetRequest = { segments, header, path, scratchRoot };
      child.send(request, (error) => {
        if (error) this.#settle(({ reject: fail }) => fail(error));
      });
    });
  };

  close(): void {
    clearTimeout(this.#idle);
    if (this.#child?.connected) this.#child.disconnect();
    this.#child = undefined;
  }

  #start(): ChildProcess {
    const child = fork(compiledModule(new URL('./log-parquet-process.ts', import.meta.url)), [], { execArgv: [...compiledFlags] });
    child.on('message', ({ rows, error }: ParquetReply) =>
      this.#settle(({ resolve, reject }) => {
        if (error === undefined) resolve(rows);
        else reject(new Error(error));
      }),
    );
    child.on('error', () => undefined);
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#settle(({ reject }) =>
        reject(new Error(`The process that makes Parquet of the log ended (${signal ?? `exit code ${code}`}).`)),
      );
    });
    child.unref();
    child.channel?.unref();
    return child;
  }

  #settle(action: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    action(waiting);
    this.#idle = setTimeout(() => this.close(), idleMs);
    this.#idle.unref();
  }
}
