export { trainingPipeline } from './training-pipeline.js';
export { sweep } from './sweep.js';
export { trial } from './trial.js';
export { crossValidation } from './cross-validation.js';
export { fold } from './fold.js';
export { modelLifecycle } from './model-lifecycle.js';
export { rollout } from './rollout.js';
export { batchInference } from './batch-inference.js';
