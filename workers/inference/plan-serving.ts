import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ExecutorOptions } from '../../serving/executors/executor.js';
import type { ServingSettings } from '../settings.js';

/** What may be set of a plan. */
export type ServingPlanSettings = Omit<ServingSettings, 'tokens' | 'tls' | 'hangSeconds'>;

export interface ServingPlan {
  readonly processes: number;
  readonly executors: ExecutorOptions;
}

/** One that hangs or dies leaves another one to answer. */
const minProcesses = 2;
/** Beyond that the kernel's work for the connections, not ours, is what limits a machine. */
const maxProcesses = 16;
const spinMs = 60;

/**
 * Decide how many processes, executors and threads serve, from the cores that this process really gets: what containers and
 * busy machines grant is often less than what the operating system counts.
 *
 * Takes a tenth of a second where something is left to be decided.
 */
export async function planServing(settings: ServingPlanSettings): Promise<ServingPlan> {
  const { processes, executors, threads, placement, targetP99Ms } = settings;
  const isOpen = processes === undefined || executors === undefined || threads === undefined;
  return choosePlan(settings, isOpen ? await measureCores() : 1, { placement, targetP99Ms });
}

/**
 * A serving process for each core: one thread of JavaScript is what a process can use, and a small model executes on that very
 * thread. Cores that remain go to the executors of the versions that do not, then to the threads of their calls. Pure.
 *
 * @param cores as measured, not a whole number
 */
export function choosePlan(settings: ServingPlanSettings, cores: number, others: ExecutorOptions = {}): ServingPlan {
  const whole = Math.max(1, Math.round(cores));
  const processes = settings.processes ?? Math.min(maxProcesses, Math.max(minProcesses, whole));
  const executors = settings.executors ?? Math.max(1, Math.floor(whole / processes));
  const threads = settings.threads ?? Math.max(1, Math.floor(whole / (processes * executors)));
  return { processes, executors: { ...others, executors, threads } };
}

/** How many times the work of one thread all threads together do at the same time. */
export async function measureCores(threads = Math.min(32, availableParallelism())): Promise<number> {
  if (threads === 1) return 1;
  const [alone] = await spin(1);
  const together = await spin(threads);
  return Math.min(threads, together.reduce((sum, turns) => sum + turns, 0) / alone);
}

/** @returns turns of a loop of arithmetic that each of the threads made within the same time */
async function spin(threads: number): Promise<number[]> {
  const code = `
    const { parentPort } = require('node:worker_threads');
    let value = 1;
    const turn = () => { for (let i = 0; i < 10000; i++) value = (value * 16807) % 2147483647; };
    for (let i = 0; i < 100; i++) turn();
    parentPort.once('message', () => {
      const until = performance.now() + ${spinMs};
      let turns = 0;
      while (performance.now() < until) { turn(); turns++; }
      parentPort.postMessage({ turns, value });
      parentPort.close();
    });
    parentPort.postMessage('ready');`;
  const workers = Array.from({ length: threads }, () => new Worker(code, { eval: true }));
  const next = <T>(worker: Worker): Promise<T> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  await Promise.all(workers.map((worker) => next(worker)));
  const counted = workers.map((worker) => next<{ turns: number }>(worker));
  for (const worker of workers) worker.postMessage('go');
  return (await Promise.all(counted)).map(({ turns }) => turns);
}
