import { parentPort } from 'node:worker_threads';
import { Lane, type LaneSteps } from './lane.js';
import { OtherLaneFailed } from './lane-barrier.js';
import type { LaneMessage, LaneReady } from './lane-messages.js';

/** The thread of a lane. What goes wrong in it ends it, and reaches the session as the thread's error. */
const port = parentPort!;
let lane: Lane;

let last: Promise<void> = Promise.resolve();
port.on('message', (message: LaneMessage) => {
  last = last.then(() => obey(message));
});

async function obey(message: LaneMessage): Promise<void> {
  if (message.kind === 'open') {
    lane = await Lane.open(message.setup);
    port.postMessage('ready' satisfies LaneReady);
  } else if (message.kind === 'rows') lane.useRows(message.matrices);
  else if (message.kind === 'state') lane.setState(message.state);
  else if (message.kind === 'run') await run(message.steps);
  else {
    await lane.dispose();
    port.close();
  }
}

async function run(steps: LaneSteps): Promise<void> {
  try {
    await lane.run(steps);
  } catch (error) {
    if (!(error instanceof OtherLaneFailed)) throw error;
  }
}
