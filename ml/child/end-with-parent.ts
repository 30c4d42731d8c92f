import { Worker } from 'node:worker_threads';

const lookEveryMs = 500;

/** Runs in a thread of its own, which turns while the process's own event loop does not. */
const watch = `
  const { parent, graceMs, lookEveryMs, beats } = require('node:worker_threads').workerData;
  let seen = 0;
  let aliveAt = 0;
  const look = () => {
    setTimeout(look, lookEveryMs);
    if (process.ppid === parent) return;
    const now = performance.now();
    const beat = Atomics.load(beats, 0);
    if (aliveAt === 0 || beat !== seen) aliveAt = now;
    seen = beat;
    if (now - aliveAt > graceMs) process.kill(process.pid, 'SIGKILL');
  };
  look();
`;

/**
 * Kill this process when its parent is gone and it has not ended by itself. A process that computes in a call which never returns (an
 * endless loop in a model's graph, or in the file of a model) does not hear that its parent went, and would take a core for ever.
 *
 * @param graceMs how long it may take to end by itself
 * @returns called from time to time, it lets a process that has work to finish live without its parent: until it was not for `graceMs`
 */
export function endWithParent(graceMs = 2000): () => void {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  new Worker(watch, {
    eval: true,
    workerData: { parent: process.ppid, graceMs, lookEveryMs, beats },
    // None of what this process was started with is for the thread, and it needs next to no memory.
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  }).unref();
  return () => void Atomics.add(beats, 0, 1);
}
