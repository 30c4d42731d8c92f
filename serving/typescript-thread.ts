import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * Start a thread on a TypeScript module.
 *
 * A thread does not inherit the loader that runs TypeScript in the main thread: it registers its own before the module is imported.
 */
export function startTypescriptThread(module: URL, options: WorkerOptions = {}): Worker {
  return new Worker(new URL('./typescript-thread-start.mjs', import.meta.url), { ...options, argv: [module.href], execArgv: [] });
}

/** Arguments of Node.js under which a forked process runs a TypeScript module. */
export const typescriptExecArgv: readonly string[] = ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
