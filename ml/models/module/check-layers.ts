import type { LayersModel, layers } from '@tensorflow/tfjs-layers';

/** Layers that draw random numbers in JavaScript, which a recorded step would repeat for ever. */
const randomLayers: ReadonlySet<string> = new Set(['SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout']);
/** Last activations that Anneal's losses and calibrations apply themselves. */
const finalActivations: ReadonlySet<string> = new Set(['sigmoid', 'softmax', 'hardSigmoid', 'hard_sigmoid']);

/** @throws Error that says what of the model a training step has no place for */
export function checkLayers(model: LayersModel): void {
  for (const layer of allLayers(model)) {
    const kind = layer.getClassName();
    const { dropout, recurrentDropout, noiseShape } = layer.getConfig() as Record<string, unknown>;
    if (randomLayers.has(kind) || Number(dropout ?? 0) > 0 || Number(recurrentDropout ?? 0) > 0)
      throw new Error(`has the layer "${layer.name}" (${kind}), whose random numbers would be the same in every step; use a dropout layer`);
    if (kind === 'Dropout' && noiseShape)
      throw new Error(`has the dropout layer "${layer.name}" with a noiseShape, which is not supported`);
    if (layer.losses.length > 0) throw new Error(`has a regularizer in the layer "${layer.name}"; set training.weightDecay instead`);
    if (layer.stateful) throw new Error(`has the layer "${layer.name}", which keeps a state between batches`);
  }
  const constrained = model.weights.find(({ constraint }) => constraint);
  if (constrained) throw new Error(`constrains the weight "${constrained.originalName}"; the optimizer knows no constraints`);
  if (model.outputs.length !== 1) throw new Error(`has ${model.outputs.length} outputs, expected 1`);
  const { activation } = (model.outputs[0].sourceLayer.getConfig() ?? {}) as { activation?: unknown };
  if (typeof activation === 'string' && finalActivations.has(activation))
    throw new Error(`ends with the activation ${activation}; let it return the logits, the loss and the exported graph do the rest`);
}

/** Layers with those of models within the model. */
export function allLayers(model: LayersModel): layers.Layer[] {
  return model.layers.flatMap((layer) => ('layers' in layer ? [layer, ...allLayers(layer as LayersModel)] : [layer]));
}
