import type { FeatureLayout } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelSpec, Task } from '../../contracts/pipeline.js';
import { buildCnn } from './cnn.js';
import { buildLinear } from './linear.js';
import { buildMlp } from './mlp.js';
import { buildModuleNetwork } from './module/module-network.js';
import type { Network } from './network.js';
import { buildWideAndDeep } from './wide-and-deep.js';

/**
 * Build the network that a pipeline's `model` describes.
 *
 * Pure: equal arguments give the same parameters bit for bit, on every machine.
 *
 * @param outputs width of the logits
 * @param task told to a module of the user's, nobody else needs it
 * @throws AnnealError `InvalidModel` when the layout has no feature, or a module's function fails
 */
export function buildNetwork(spec: ModelSpec, layout: FeatureLayout, outputs: number, seed: number, task?: Task): Network {
  if (layout.categorical.length === 0 && layout.numeric.length === 0 && !layout.image) {
    throw new AnnealError(
      failureTypes.invalidModel,
      'The model has no input: the feature layout names neither a categorical nor a numeric column, nor an image. Expected at least one. Add a feature to the pipeline.',
    );
  }
  switch (spec.family) {
    case 'linear':
      return buildLinear(layout, outputs, seed);
    case 'mlp':
      return buildMlp(spec, layout, outputs, seed);
    case 'wide-and-deep':
      return buildWideAndDeep(spec, layout, outputs, seed);
    case 'cnn':
      return buildCnn(spec, layout, outputs, seed);
    case 'module':
      if (task === undefined) throw new Error('a module is built for a task, and none was given');
      return buildModuleNetwork(spec, layout, outputs, seed, task);
  }
}

/** The network of a training's plan. @throws AnnealError as `buildNetwork` does */
export function networkOf(plan: {
  readonly model: ModelSpec;
  readonly layout: FeatureLayout;
  readonly outputs: number;
  readonly seed: number;
  readonly task: Task;
}): Network {
  return buildNetwork(plan.model, plan.layout, plan.outputs, plan.seed, plan.task);
}
