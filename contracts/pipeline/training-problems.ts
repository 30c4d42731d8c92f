import type { PipelineSpec } from './schema.js';

const classLosses: ReadonlySet<string> = new Set(['cross-entropy', 'focal']);

/** What of `training` does not go together with the target and the features; a sentence for each. */
export function trainingProblems(spec: PipelineSpec): string[] {
  return [...engineProblems(spec), ...optimizerProblems(spec), ...imbalanceProblems(spec), ...augmentationProblems(spec)];
}

function engineProblems({ model, training }: PipelineSpec): string[] {
  return training.engine === 'tfjs-wasm' && model.family === 'cnn'
    ? ['training.engine: tfjs-wasm cannot train convolutions, whose gradients it lacks; choose another engine, or auto']
    : [];
}

function optimizerProblems({ training: { optimizer, gradientClipping } }: PipelineSpec): string[] {
  const problems: string[] = [];
  if (optimizer?.kind === 'sgd' && optimizer.nesterov && optimizer.momentum === 0)
    problems.push('training.optimizer.nesterov: there is no momentum to look ahead with; set training.optimizer.momentum, 0.9 for example');
  if (gradientClipping && gradientClipping.norm === undefined && gradientClipping.value === undefined)
    problems.push('training.gradientClipping: says no bound; give norm, value or both, or leave it out');
  return problems;
}

function imbalanceProblems({ target, training }: PipelineSpec): string[] {
  const problems: string[] = [];
  const { task } = target;
  const { classWeights, sampling, loss, labelSmoothing } = training;
  if (task === 'multilabel') {
    // Each label has classes of its own, which no one weight could balance.
    if (loss && loss.kind !== 'cross-entropy')
      problems.push('training.loss: a multilabel target is trained with cross-entropy; leave it out');
    if (classWeights !== 'none') problems.push('training.classWeights: a multilabel target has no classes to weigh; leave it out');
    if (sampling && sampling !== 'none') problems.push('training.sampling: a multilabel target has no classes to sample; leave it out');
    if (labelSmoothing) problems.push('training.labelSmoothing: is for targets of one label a row; leave it out');
    return problems;
  }
  if (loss && classLosses.has(loss.kind) !== (task !== 'regression')) {
    const possible = task === 'regression' ? 'squared, huber, absolute, quantile' : 'cross-entropy, focal';
    problems.push(`training.loss: a ${task} target cannot be trained with ${loss.kind}; choose one of ${possible}`);
  }
  if (loss?.kind === 'quantile') {
    const { quantiles } = loss;
    if (quantiles.some((quantile, i) => i > 0 && quantile <= quantiles[i - 1])) problems.push('training.loss.quantiles: must increase');
    if (!quantiles.includes(0.5))
      problems.push('training.loss.quantiles: 0.5 must be among them, which is the value that the model predicts');
  }
  if (task === 'regression') {
    if (sampling && sampling !== 'none') problems.push('training.sampling: a regression target has no classes to sample; leave it out');
    if (labelSmoothing) problems.push('training.labelSmoothing: a regression target has no labels to smooth; leave it out');
    if (typeof classWeights === 'object') problems.push('training.classWeights: a regression target has no classes to weigh; leave it out');
  }
  if (loss?.kind === 'focal' && loss.alpha !== undefined && task === 'multiclass')
    problems.push('training.loss.alpha: is the weight of the positive of two classes; use training.classWeights for a multiclass target');
  if (typeof classWeights === 'object' && target.task !== 'regression') {
    if (Object.keys(classWeights).length === 0) problems.push('training.classWeights: names no class; give a weight, "balanced" or "none"');
    for (const name of Object.keys(classWeights)) {
      if (target.classes && !target.classes.includes(name))
        problems.push(`training.classWeights.${name}: the target has no such class; its classes are ${target.classes.join(', ')}`);
    }
  }
  return problems;
}

function augmentationProblems({ features, training }: PipelineSpec): string[] {
  const { augmentation } = training;
  if (!augmentation) return [];
  const kinds = new Set<string>(Object.values(features).map(({ kind }) => kind));
  const problems: string[] = [];
  const path = 'training.augmentation';
  if (augmentation.jitter && !['numeric', 'text', 'calendar'].some((kind) => kinds.has(kind)))
    problems.push(`${path}.jitter: there is no numeric feature that noise could be added to`);
  if (augmentation.featureDropout && ![...kinds].some((kind) => kind !== 'image'))
    problems.push(`${path}.featureDropout: there is no numeric, categorical or calendar feature to drop; use ${path}.images.cutOut`);
  if (augmentation.images && Object.keys(augmentation.images).length > 0 && !kinds.has('image'))
    problems.push(`${path}.images: there is no feature of kind "image" whose images could be changed`);
  return problems;
}
