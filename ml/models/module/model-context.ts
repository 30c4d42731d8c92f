import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { ModelContext } from '../../../contracts/model-function.js';
import type { ModuleModelSpec, Task } from '../../../contracts/pipeline.js';
import { automaticDimension } from '../embedding.js';

/** What a user's function is told; shapes without the batch's axis. */
export function modelContext({ options }: ModuleModelSpec, layout: FeatureLayout, outputs: number, seed: number, task: Task): ModelContext {
  const { categorical, numeric, image } = layout;
  const width = categorical.reduce((sum, { size, dimension, encoding }) => {
    if (encoding === 'one-hot') return sum + size;
    return sum + (dimension === 'auto' ? automaticDimension(size) : dimension);
  }, numeric.length);
  return {
    inputs: {
      ...(categorical.length > 0
        ? { categorical: { shape: [categorical.length], columns: categorical.map(({ name, size }) => ({ name, size })) } }
        : {}),
      ...(numeric.length > 0 ? { numeric: { shape: [numeric.length], columns: [...numeric] } } : {}),
      ...(image ? { image: { shape: [image.height, image.width, image.channels] } } : {}),
      ...(width > 0 ? { features: { shape: [width] } } : {}),
    },
    outputs,
    task,
    seed,
    options: structuredClone(options),
  };
}
