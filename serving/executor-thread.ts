import { parentPort } from 'node:worker_threads';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { atLowPriority } from './low-priority.js';
import type { ExecutorThreadData, FromExecutorThread, ToExecutorThread } from './executor-messages.js';
import { openPrepared, type OpenModel } from './prepared-version.js';

/** An executor thread: opens a version, runs the batches that it is sent, one after the other, closes it, and takes the next. */

const port = parentPort;
if (!port) throw new Error('This module runs in a worker thread.');

let model: OpenModel | undefined;

port.on('message', (message: ToExecutorThread) => {
  void answer(message).then((reply) => port.postMessage(reply));
});

async function answer(message: ToExecutorThread): Promise<FromExecutorThread> {
  switch (message.kind) {
    case 'open':
      return open(message.data);
    case 'run':
      try {
        return { kind: 'outputs', outputs: await model!.run(message.batch) };
      } catch (error) {
        return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
      }
    case 'close':
      await model?.release();
      model = undefined;
      return { kind: 'closed' };
  }
}

async function open({ prepared, threads }: ExecutorThreadData): Promise<FromExecutorThread> {
  try {
    model = await atLowPriority(() => openPrepared(prepared, { threads, prepack: true }));
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
