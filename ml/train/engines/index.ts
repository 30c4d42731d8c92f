import type { TrainingEngine } from '../engine.js';
import { onnxruntimeCudaEngine, onnxruntimeEngine } from './onnxruntime.js';
import { tfjsCpuEngine, tfjsNativeEngine, tfjsWasmEngine } from './tfjs.js';

export const engines: readonly TrainingEngine[] = [
  onnxruntimeEngine,
  onnxruntimeCudaEngine,
  tfjsNativeEngine,
  tfjsWasmEngine,
  tfjsCpuEngine,
];
