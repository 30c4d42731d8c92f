import { rmSync } from 'node:fs';
import { AnnealError } from '../../contracts/failures.js';
import { endWithParent } from '../../ml/child/end-with-parent.js';
import { lowerProcess } from '../low-priority.js';
import { silence, type CallMessage, type PreparedMessage, type PrepareMessage, type RemoveMessage } from './loader-messages.js';
import { prepareVersion } from './prepare-version.js';

/**
 * A loader process: prepares versions, one after the other, for the serving processes of its host. What a model does while it is
 * loaded for the first time (take memory, take seconds, crash onnxruntime) it does here.
 */

if (!process.send) throw new Error('serving/loader/loader-process.ts is started by the inference worker: run workers/inference.ts.');

lowerProcess();

endWithParent();
process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);

let last: Promise<unknown> = Promise.resolve();
process.on('message', (message: PrepareMessage | RemoveMessage) => {
  last = last.then(() => ('remove' in message ? remove(message) : prepare(message).then(reply)));
});

/** What cannot be deleted is met again by the next `keepOnly`. */
function remove({ remove: paths }: RemoveMessage): void {
  for (const path of paths) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // As above.
    }
  }
}

async function prepare({ id, files, directory, placement }: PrepareMessage): Promise<PreparedMessage> {
  let toldAt = Number.NEGATIVE_INFINITY;
  const onCall = (limitMs: number): void => {
    const now = performance.now();
    // Calls are measured, and to tell of one takes as long as a short one does.
    if (now - toldAt < limitMs * silence) return;
    toldAt = now;
    reply({ id, callLimitMs: limitMs });
  };
  try {
    return { id, ok: true, prepared: await prepareVersion(files, directory, { onCall, placement }) };
  } catch (error) {
    const type = error instanceof AnnealError ? error.type : undefined;
    return { id, ok: false, type, message: error instanceof Error ? error.message : String(error) };
  }
}

function reply(message: PreparedMessage | CallMessage): void {
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}
