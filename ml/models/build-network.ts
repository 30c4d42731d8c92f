import type { FeatureLayout } from '../../contracts/dataset.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelSpec } from '../../contracts/pipeline.js';
import { buildCnn } from './cnn.js';
import { buildLinear } from './linear.js';
import { buildMlp } from './mlp.js';
import type { Network } from './network.js';
import { buildWideAndDeep } from './wide-and-deep.js';

/**
 * Build the network that a pipeline's `model` describes.
 *
 * Pure: equal arguments give the same parameters bit for bit, on every machine.
 *
 * @param outputs width of the logits
 * @throws AnnealError `InvalidModel` when the layout has no feature
 */
export function buildNetwork(spec: ModelSpec, layout: FeatureLayout, outputs: number, seed: number): Network {
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
  }
}
