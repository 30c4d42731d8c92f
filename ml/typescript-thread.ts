import { Worker, type WorkerOptions } from 'node:worker_threads';
import { compiledFlags, compiledModule } from './child/compiled-module.js';

/**
 * Start a thread on a module of Anneal's.
 *
 * @param module URL of its source
 */
export function startTypescriptThread(module: URL, options: WorkerOptions = {}): Worker {
  return new Worker(compiledModule(module), { ...options, execArgv: [...compiledFlags] });
}
