import { Worker } from 'node:worker_threads';

const lookEveryMs = 500;

/** Runs in a thread of its own, which turns while the process's own event loop does not. */
const watch = `
  const { parent, graceMs, lookEveryMs } = require('node:worker_threads').workerData;
  const look = () => {
    if (process.ppid === parent) return void setTimeout(look, lookEveryMs);
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs);
  };
  look();
`;

/**
 * Kill this process when its parent is gone and it has not ended by itself. A process that computes in a call which never returns (an
 * endless loop in a model's graph, or in the file of a model) does not hear that its parent went, and would take a core for ever.
 *
 * @param graceMs how long it may take to end by itself
 */
export function endWithParent(graceMs = 2000): void {
  new Worker(watch, {
    eval: true,
    workerData: { parent: process.ppid, graceMs, lookEveryMs },
    // None of what this process was started with is for the thread, and it needs next to no memory.
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  }).unref();
}
