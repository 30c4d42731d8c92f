import type { Network } from '../../models/network.js';
import type { EngineSession, NetworkPlan } from '../engine.js';
import { divisionOfStep, openCompiled } from './onnxruntime.js';
import { madeUpRows } from './time-steps.js';

export interface ChosenThreads {
  readonly stepThreads: number;
  /** One sentence for the run's status. */
  readonly reason: string;
}

/** A training of fewer steps would hardly win the second or two that the measurement takes. */
const fewestSteps = 500;
const stepsOfRound = 4;
const mostRounds = 15;
const mostMs = 1500;

/** Decisions of this process, by all that decides how long a step takes. */
const decided = new Map<string, ChosenThreads | undefined>();

/**
 * Measure on how many of its threads a training had better compute a step of the compiled engine: on 1, 2, 4, … or all of them. How much
 * a second thread gives depends on what else the machine does, and on whether its processors are whole ones; and a training with more
 * threads must not take longer than one with fewer.
 *
 * The candidates take turns, so that whatever else the machine does meets all of them alike, and the lowest median counts. Takes a second
 * or two; what was decided for a model of the same shape is kept. Another time it can come out otherwise, and a sum's last bits with it,
 * so a run that goes on from a checkpoint must keep the checkpoint's.
 *
 * @param steps of the training
 * @returns undefined where nothing is in question: there is one thread, a step is not worth more, or the training is short
 */
export async function chooseStepThreads(network: Network, plan: NetworkPlan, steps: number): Promise<ChosenThreads | undefined> {
  const candidates = candidateThreads(network, plan);
  if (steps < fewestSteps || candidates.length < 2) return undefined;
  const { seed: _, ...shape } = plan;
  const parameters = network.parameters.map(({ name, shape: lengths }) => [name, lengths]);
  const key = JSON.stringify([shape, network.layout, network.outputs, parameters]);
  if (!decided.has(key)) decided.set(key, await fastestOf(candidates, network, plan));
  return decided.get(key);
}

/** @returns numbers of threads on which a step is divided each in another way, from 1 upwards */
export function candidateThreads(network: Network, plan: NetworkPlan): readonly number[] {
  const counts = [plan.threads];
  for (let threads = 1; threads < plan.threads; threads *= 2) counts.splice(-1, 0, threads);
  const divisions = new Map<string, number>();
  for (const stepThreads of counts) {
    const division = JSON.stringify(divisionOfStep(network, { ...plan, stepThreads }));
    if (!divisions.has(division)) divisions.set(division, stepThreads);
  }
  return [...divisions.values()];
}

async function fastestOf(candidates: readonly number[], network: Network, plan: NetworkPlan): Promise<ChosenThreads> {
  const times = await timeInTurns(candidates, network, plan);
  const measured = candidates.map((stepThreads, i) => ({ stepThreads, ms: median(times[i]) }));
  const best = measured.reduce((left, right) => (right.ms < left.ms ? right : left));
  const told = measured.map(({ stepThreads, ms }) => `${stepThreads} ${ms.toPrecision(3)} ms`);
  return { stepThreads: best.stepThreads, reason: `A step took on threads: ${told.join(', ')}.` };
}

/** @returns milliseconds a step of every round of each candidate */
async function timeInTurns(candidates: readonly number[], network: Network, plan: NetworkPlan): Promise<number[][]> {
  const data = madeUpRows(network.layout, network.outputs, plan);
  const order = Int32Array.from({ length: stepsOfRound * plan.batchSize }, (_, i) => i % data.rows);
  const rates = new Float32Array(stepsOfRound).fill(1e-4);
  const sessions: EngineSession[] = [];
  try {
    for (const stepThreads of candidates) sessions.push(await openCompiled(network, { ...plan, stepThreads }, data));
    const times: number[][] = candidates.map(() => []);
    const startedAt = performance.now();
    // The first round warms up and is not counted.
    for (let round = 0; round <= mostRounds && (round < 2 || performance.now() - startedAt < mostMs); round++) {
      for (const [i, session] of sessions.entries()) {
        const beganAt = performance.now();
        await session.runSteps(order, rates, round * stepsOfRound);
        if (round > 0) times[i].push((performance.now() - beganAt) / stepsOfRound);
      }
    }
    return times;
  } finally {
    for (const session of sessions) await session.dispose();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
