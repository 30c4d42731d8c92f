import { parentPort } from 'node:worker_threads';
import { LaneBoard, OtherThreadFailed, phasesOfStep } from './lane-board.js';
import { LaneGradient, type LaneSetup } from './lane-gradient.js';
import type { LaneMessage, LaneReady, LaneSteps } from './lane-messages.js';
import { LaneUpdate } from './lane-update.js';

/** A thread that helps with the lanes of a session. What goes wrong in it ends it, and reaches the session as the thread's error. */
const port = parentPort!;
let setup: LaneSetup;
let gradient: LaneGradient;
let update: LaneUpdate;
let board: LaneBoard;

let last: Promise<void> = Promise.resolve();
port.on('message', (message: LaneMessage) => {
  last = last.then(() => obey(message));
});

async function obey(message: LaneMessage): Promise<void> {
  if (message.kind === 'open') {
    setup = message.setup;
    board = new LaneBoard(setup.board, setup.lanes);
    [gradient, update] = await Promise.all([LaneGradient.open(setup), LaneUpdate.open(setup)]);
    port.postMessage('ready' satisfies LaneReady);
  } else if (message.kind === 'rows') gradient.useRows(message.matrices);
  else if (message.kind === 'run') await run(message.steps);
  else {
    await gradient.dispose();
    await update.dispose();
    port.close();
  }
}

async function run({ first, rows, keys }: LaneSteps): Promise<void> {
  const { batchSize, keyCount } = setup;
  try {
    for (let i = 0; i < rows.length / batchSize; i++) {
      const [gradients, updates] = phasesOfStep(first + i);
      const batch = rows.subarray(i * batchSize, (i + 1) * batchSize);
      const keysOfStep = keys.subarray(i * keyCount, (i + 1) * keyCount);
      board.waitForPhase(gradients);
      await board.takeAll(gradients, (lane) => gradient.addUp(lane, batch, keysOfStep));
      board.waitForPhase(updates);
      await board.takeAll(updates, (part) => update.run(part));
    }
  } catch (error) {
    if (error instanceof OtherThreadFailed) return;
    board.fail();
    throw error;
  }
}
