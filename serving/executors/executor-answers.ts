import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ExecutorData, FromExecutor, ToExecutor } from './executor-messages.js';
import { messageOf } from '../loader/load-failed.js';
import { atLowPriority } from '../low-priority.js';
import { openPrepared, type OpenModel } from '../loader/prepared-version.js';

/** What an executor does, be it a thread or a process: opens a version, runs its batches one after the other, closes it, takes the next. */
export class ExecutorAnswers {
  #model: OpenModel | undefined;

  /** Never throws: what goes wrong is an answer, too. */
  async answer(message: ToExecutor): Promise<FromExecutor> {
    switch (message.kind) {
      case 'open':
        return this.#open(message.data);
      case 'run':
        try {
          return { kind: 'outputs', outputs: await this.#model!.run(message.batch) };
        } catch (error) {
          return { kind: 'error', message: messageOf(error) };
        }
      case 'close':
        await this.#model?.release();
        this.#model = undefined;
        return { kind: 'closed' };
    }
  }

  async #open({ prepared, threads }: ExecutorData): Promise<FromExecutor> {
    try {
      this.#model = await atLowPriority(() => openPrepared(prepared, { threads, prepack: true }));
      return { kind: 'opened' };
    } catch (error) {
      const known = error instanceof AnnealError;
      return {
        kind: 'failed',
        type: known ? error.type : failureTypes.loadFailed,
        message: known ? error.message : `The version cannot be served: ${String(error)}`,
      };
    }
  }
}
