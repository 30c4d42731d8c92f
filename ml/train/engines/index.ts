import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { TrainingSpec } from '../../../contracts/pipeline.js';
import { networkOf } from '../../models/build-network.js';
import type { StepPlan, TrainingEngine } from '../engine.js';
import { compilePlan, onnxruntimeEngine } from './onnxruntime.js';
import { tfjsCpuEngine, tfjsNativeEngine, tfjsWasmEngine } from './tfjs.js';

export const engines: readonly TrainingEngine[] = [onnxruntimeEngine, tfjsNativeEngine, tfjsWasmEngine, tfjsCpuEngine];

export interface SelectedEngine {
  readonly engine: TrainingEngine;
  /** One sentence for the run's status. */
  readonly reason: string;
}

/**
 * Choose the engine of a run. `auto` is the compiled engine, or tfjs' wasm backend where the model does not compile.
 *
 * Deterministic for a given machine and installation.
 *
 * @throws AnnealError `InvalidModel` when the engine that was asked for cannot be used here, or no engine can run the model
 */
export async function selectEngine(requested: TrainingSpec['engine'], plan: StepPlan): Promise<SelectedEngine> {
  if (requested !== 'auto') {
    const engine = engines.find(({ name }) => name === requested)!;
    const problem = await engine.unavailable();
    if (problem) throw new AnnealError(failureTypes.invalidModel, problem);
    return { engine, reason: `The pipeline asks for the engine ${requested}.` };
  }
  // What no engine can build is no reason to fall back.
  networkOf(plan);
  return automaticEngine(() => compilePlan(plan));
}

/** The compiled engine, unless `compile` throws that the model has no translation. */
export function automaticEngine(compile: () => unknown): SelectedEngine {
  try {
    compile();
    return { engine: onnxruntimeEngine, reason: 'The model compiles to ONNX, which is the fastest engine.' };
  } catch (error) {
    if (!(error instanceof AnnealError) || error.type !== failureTypes.invalidModel) throw error;
    return { engine: tfjsWasmEngine, reason: `The model does not compile, so it trains on the slower engine tfjs-wasm. ${error.message}` };
  }
}
