/** What other libraries (Keras, PyTorch, scikit-learn) call a field, without regard to case and underscores. */
const familiar: Readonly<Record<string, readonly [field: string, written: string]>> = {
  batchnorm: ['normalization', 'normalization: "batch"'],
  batchnormalization: ['normalization', 'normalization: "batch"'],
  layernorm: ['normalization', 'normalization: "layer"'],
  dropoutrate: ['dropout', 'dropout'],
  hiddenlayers: ['hidden', 'hidden'],
  hiddenlayersizes: ['hidden', 'hidden'],
  hiddenunits: ['hidden', 'hidden'],
  layers: ['hidden', 'hidden'],
  units: ['hidden', 'hidden'],
  lr: ['learningRate', 'learningRate'],
  learningrateinit: ['learningRate', 'learningRate'],
  learningrate: ['learningRate', 'learningRate'],
  batchsize: ['batchSize', 'batchSize'],
  weightdecay: ['weightDecay', 'weightDecay'],
  l2: ['weightDecay', 'weightDecay'],
  nepochs: ['epochs', 'epochs'],
  maxiter: ['epochs', 'epochs'],
  scheduler: ['schedule', 'schedule'],
  lrscheduler: ['schedule', 'schedule'],
  clipnorm: ['gradientClipping', 'gradientClipping: {"norm": …}'],
  gradclip: ['gradientClipping', 'gradientClipping: {"norm": …}'],
  clipvalue: ['gradientClipping', 'gradientClipping: {"value": …}'],
  classweight: ['classWeights', 'classWeights'],
  randomstate: ['seed', 'seed'],
  randomseed: ['seed', 'seed'],
};

/**
 * How a field is written here that other libraries call otherwise; undefined where none is known. Pure.
 *
 * @param known fields that there are where it was given
 */
export function familiarField(given: string, known: readonly string[]): string | undefined {
  const name = given.replaceAll(/[_\s-]/g, '').toLowerCase();
  const [field, written] = Object.hasOwn(familiar, name) ? familiar[name] : [];
  return field !== undefined && known.includes(field) ? written : undefined;
}
