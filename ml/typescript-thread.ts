import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Start a thread on a TypeScript module.
 *
 * A thread does not inherit the loader that runs TypeScript in the main thread: it registers its own before the module is imported.
 */
export function startTypescriptThread(module: URL, options: WorkerOptions = {}): Worker {
  return new Worker(new URL('./typescript-thread-start.mjs', import.meta.url), { ...options, argv: [module.href], execArgv: [] });
}
