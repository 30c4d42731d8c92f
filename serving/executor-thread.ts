import { parentPort, workerData } from 'node:worker_threads';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { FromExecutorThread, ToExecutorThread } from './executor-messages.js';
import { loadModel, type LoadedModel, type VersionFiles } from './load-model.js';

/** The thread of one loaded version: loads it, then runs the batches that it is sent, one after the other. */

const port = parentPort;
if (!port) throw new Error('This module runs in a worker thread.');
const send = (message: FromExecutorThread) => port.postMessage(message);

const startedAt = performance.now();
try {
  const model = await loadModel(workerData as VersionFiles);
  port.on('message', (message: ToExecutorThread) => void handle(model, message));
  send({ kind: 'ready', manifest: model.manifest, goldenDifference: model.goldenDifference, loadMs: performance.now() - startedAt });
} catch (error) {
  const known = error instanceof AnnealError;
  send({
    kind: 'failed',
    type: known ? error.type : failureTypes.loadFailed,
    message: known ? error.message : `The version cannot be served: ${String(error)}`,
  });
}

async function handle(model: LoadedModel, message: ToExecutorThread): Promise<void> {
  if (message.kind === 'close') {
    await model.release();
    port!.close();
    return;
  }
  try {
    send({ kind: 'outputs', outputs: await model.run(message.batch) });
  } catch (error) {
    send({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
  }
}
