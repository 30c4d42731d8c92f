import { parentPort } from 'node:worker_threads';
import { ExecutorAnswers } from './executor-answers.js';
import type { ToExecutor } from './executor-messages.js';

/** An executor thread. */

const port = parentPort;
if (!port) throw new Error('This module runs in a worker thread.');

const executor = new ExecutorAnswers();

port.on('message', (message: ToExecutor) => {
  void executor.answer(message).then((reply) => port.postMessage(reply));
});
