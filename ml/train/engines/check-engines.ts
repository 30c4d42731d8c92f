import type { NamedEngine } from '../../../contracts/pipeline/training.js';
import { askChild } from '../../child/ask-child.js';
import { forkTypescript } from '../../child/typescript-child.js';

export interface EngineCheck {
  readonly engines: readonly NamedEngine[];
}

const childModule = new URL('./check-child.ts', import.meta.url);

/**
 * Look whether this machine has engines, in a process of its own: an engine that is looked for is loaded, and one for a graphics card
 * takes its memory.
 *
 * @throws AnnealError `InvalidModel` that names the first which is not there, and those that are; the signal's reason when it is aborted
 */
export async function checkEngines(check: EngineCheck, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const child = forkTypescript(childModule);
  try {
    await askChild<null>(child, 'The look for engines', check, () => undefined, signal);
  } finally {
    child.process.kill('SIGKILL');
  }
}
