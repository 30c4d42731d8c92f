import { readSync, writeSync } from 'node:fs';
import { ExecutorAnswers } from './executor-answers.js';
import { FrameWriter, frameBytes, readToExecutor } from './executor-frames.js';
import type { FromExecutor, ToExecutor } from './executor-messages.js';

/**
 * An executor process. It waits in the system's `read`, without a turn of an event loop between a batch and its answer, and ends with
 * the serving process, however that ends: then there is nothing more to read.
 */

const channel = 3;

// Ctrl-C, and a service manager, reach all processes of the host; the serving process decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

const executor = new ExecutorAnswers();
const frames = new FrameWriter();
let received = Buffer.from(new ArrayBuffer(64 * 1024));

for (;;) send(await executor.answer(receive()));

/** The next message; its numbers hold until it is called again. */
function receive(): ToExecutor {
  let filled = 0;
  let total = 4;
  while (filled < total) {
    const bytes = readSync(channel, received, filled, received.length - filled, null);
    if (bytes === 0) process.exit(0);
    filled += bytes;
    if (filled < 4) continue;
    total = frameBytes(received);
    if (total > received.length) {
      const larger = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(total))));
      received.copy(larger, 0, 0, filled);
      received = larger;
    }
  }
  return readToExecutor(received.subarray(0, total));
}

function send(message: FromExecutor): void {
  const frame = frames.write(message);
  try {
    for (let written = 0; written < frame.length;) written += writeSync(channel, frame, written, frame.length - written);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0);
    throw error;
  }
}
