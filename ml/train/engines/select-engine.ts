import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { TrainingSpec } from '../../../contracts/pipeline.js';
import { type Refusal, refusalSentence } from '../../graph/lowering/kernel-call.js';
import { networkOf } from '../../models/build-network.js';
import type { StepPlan, TrainingEngine } from '../engine.js';
import { hasNvidiaDevice } from './cuda.js';
import { compilePlan, onnxruntimeCudaEngine, onnxruntimeEngine } from './onnxruntime.js';
import { requireEngine } from './require-engine.js';
import { tfjsCpuEngine, tfjsNativeEngine, tfjsWasmEngine } from './tfjs.js';
import { type StepTime, timeSteps } from './time-steps.js';

export interface SelectedEngine {
  readonly engine: TrainingEngine;
  /** One sentence or two for the run's status. */
  readonly reason: string;
}

/**
 * Choose the engine of a run. `auto` is the fastest one that this machine has for this model: by what is known where that is enough,
 * else by timing some steps of each.
 *
 * A timing can come out otherwise the next time, so a run that goes on from a checkpoint must ask for the checkpoint's engine.
 *
 * @throws AnnealError `InvalidModel` when the engine that was asked for cannot be used here, or no engine can run the model
 */
export async function selectEngine(requested: TrainingSpec['engine'], plan: StepPlan): Promise<SelectedEngine> {
  if (requested !== 'auto') {
    return { engine: await requireEngine(requested), reason: `The pipeline asks for the engine ${requested}.` };
  }
  // What no engine can build is no reason to fall back.
  networkOf(plan);
  return automaticEngine(plan, () => compilePlan(plan));
}

/** As `selectEngine` does for `auto`. @param compile throws when the model has no translation */
export async function automaticEngine(plan: StepPlan, compile: () => Promise<unknown>): Promise<SelectedEngine> {
  const problem = await refusalOf(compile);
  if (problem !== undefined) {
    const reason = `The model does not compile, so it trains on a slower engine. ${problem}`;
    const fallbacks = await usable([tfjsNativeEngine, tfjsWasmEngine]);
    const chosen = await fastest(fallbacks, plan);
    return chosen ? { engine: chosen.engine, reason: `${chosen.reason} ${reason}` } : { engine: tfjsCpuEngine, reason };
  }
  // Eager engines on a processor took five times as long and more on networks without images: that needs no timing.
  const isNativeInQuestion = plan.layout.image !== undefined || hasNvidiaDevice();
  const rivals = await usable([onnxruntimeCudaEngine, ...(isNativeInQuestion ? [tfjsNativeEngine] : [])]);
  if (rivals.length === 0)
    return { engine: onnxruntimeEngine, reason: 'The model compiles to ONNX, which is the fastest engine that this machine has.' };
  return (await fastest([onnxruntimeEngine, ...rivals], plan)) ?? { engine: onnxruntimeEngine, reason: 'No engine could be timed.' };
}

/** @returns why the model does not compile, or undefined; an error that is not about the model passes */
async function refusalOf(compile: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await compile();
    return undefined;
  } catch (error) {
    if (!(error instanceof AnnealError) || error.type !== failureTypes.invalidModel) throw error;
    // Its own advice is another engine, which it gets.
    const refused = error.details as Refusal | undefined;
    if (refused?.kernel === undefined) return error.message;
    return `${refusalSentence(refused)} Written with operations that docs/lowerings.md lists, it would train on the compiled engine.`;
  }
}

async function usable(candidates: readonly TrainingEngine[]): Promise<TrainingEngine[]> {
  const problems = await Promise.all(candidates.map((engine) => engine.unavailable()));
  return candidates.filter((_, i) => problems[i] === undefined);
}

/** Decisions of this process, by all that decides how long a step takes. */
const decided = new Map<string, SelectedEngine | undefined>();

/**
 * The candidate whose steps take the least time. One that fails is out.
 *
 * Takes about a second a candidate; what was decided for a model of the same shape is kept.
 */
export async function fastest(candidates: readonly TrainingEngine[], plan: StepPlan): Promise<SelectedEngine | undefined> {
  const { seed: _, ...shape } = plan;
  const key = JSON.stringify([candidates.map(({ name }) => name), shape]);
  if (!decided.has(key)) decided.set(key, await timeAll(candidates, plan));
  return decided.get(key);
}

async function timeAll(candidates: readonly TrainingEngine[], plan: StepPlan): Promise<SelectedEngine | undefined> {
  const times: (StepTime & { readonly engine: TrainingEngine })[] = [];
  const failed: string[] = [];
  for (const engine of candidates) {
    try {
      times.push({ engine, ...(await timeSteps(engine, plan)) });
    } catch (error) {
      failed.push(`${engine.name} failed (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`);
    }
  }
  times.sort((a, b) => a.msPerStep - b.msPerStep);
  if (times.length === 0) return undefined;
  const measured = times.map(({ engine, msPerStep }) => `${engine.name} ${msPerStep.toPrecision(3)} ms a step`);
  return { engine: times[0].engine, reason: `Timed on this machine: ${[...measured, ...failed].join(', ')}.` };
}
