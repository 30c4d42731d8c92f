import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { ModelSpec } from '../../../contracts/pipeline.js';
import { buildNetwork } from '../../models/build-network.js';
import type { StepPlan } from '../engine.js';
import { buildForwardGraph, buildTrainingGraph } from './training-graph.js';

const layout: FeatureLayout = { categorical: [{ name: 'origin', size: 6, dimension: 'auto' }], numeric: ['distance', 'delay'] };

function digests(model: ModelSpec, options: Partial<StepPlan> = {}): readonly string[] {
  const plan: StepPlan = {
    model,
    layout,
    task: 'binary',
    outputs: 1,
    batchSize: 16,
    optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0.01 },
    seed: 3,
    threads: 1,
    ...options,
  };
  const network = buildNetwork(model, layout, 1, plan.seed);
  return [buildTrainingGraph(network, plan), buildForwardGraph(network)].map((bytes) =>
    createHash('sha256').update(bytes).digest('hex').slice(0, 16),
  );
}

describe('the graphs of a model without the options of its hidden layers', () => {
  test.each<[ModelSpec, string[]]>([
    [{ family: 'linear' }, ['d8237b7b33d35769', '21b8383b788e2421']],
    [{ family: 'mlp', hidden: [8, 6], activation: 'tanh' }, ['876da5137a7f3011', '8f99fc43d6c0294a']],
    [{ family: 'wide-and-deep', hidden: [8, 6], activation: 'relu', embeddingScale: 1 }, ['df8ad2e69e9c18a3', '51ba67b6f0c614d9']],
  ])('stay the bytes that kept models were made with: $family', (model, expected) => {
    expect(digests(model)).toEqual(expected);
  });

  test('stay the same when the options are written out at their defaults', () => {
    const model: ModelSpec = { family: 'mlp', hidden: [8, 6], activation: 'tanh' };
    expect(digests({ ...model, dropout: 0, normalization: 'none', residual: false })).toEqual(digests(model));
  });
});

test('dropout changes the training graph and leaves the forward graph alone', () => {
  const model: ModelSpec = { family: 'mlp', hidden: [8, 6], activation: 'tanh' };
  const [training, forward] = digests(model);
  const [trainingWithDropout, forwardWithDropout] = digests({ ...model, dropout: 0.2 });
  expect(trainingWithDropout).not.toBe(training);
  expect(forwardWithDropout).toBe(forward);
});

test.each<Partial<StepPlan>>([
  { augmentation: { jitter: [0.1, 0.1] } },
  { augmentation: { featureDropout: { rate: 0.1, fill: [0, 0] } } },
  { augmentation: { mixup: 0.2 } },
  { labelSmoothing: 0.1 },
  { loss: { kind: 'focal', gamma: 2 } },
])('%j changes the training graph and leaves the forward graph alone', (options) => {
  const model: ModelSpec = { family: 'mlp', hidden: [8, 6], activation: 'tanh' };
  const [training, forward] = digests(model);
  const [changedTraining, changedForward] = digests(model, options);
  expect(changedTraining).not.toBe(training);
  expect(changedForward).toBe(forward);
});
