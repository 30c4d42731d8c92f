import { describe, expect, test } from '@jest/globals';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { ModelSpec } from '../../../contracts/pipeline.js';
import { buildNetwork } from '../../models/build-network.js';
import type { NetworkPlan } from '../engine.js';
import { candidateThreads, chooseStepThreads } from './choose-step-threads.js';

const layout: FeatureLayout = { categorical: [], numeric: Array.from({ length: 32 }, (_, i) => `x${i}`) };
const mlp: ModelSpec = { family: 'mlp', hidden: [128, 64], activation: 'relu' };
const network = buildNetwork(mlp, layout, 1, 1);

function planOf(batchSize: number, threads: number, seed = 1): NetworkPlan {
  return { task: 'binary', batchSize, optimizer: { beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weightDecay: 0 }, seed, threads };
}

describe('candidateThreads', () => {
  test.each([
    [2048, 1, [1]],
    [2048, 2, [1, 2]],
    [12_288, 6, [1, 2, 4, 6]],
    // More than four lanes cost more than they give here.
    [2048, 16, [1, 2, 4]],
    [256, 2, [1]],
  ])('of a mini-batch of %i rows on %i threads are %j', (batchSize, threads, expected) => {
    expect(candidateThreads(network, planOf(batchSize, threads))).toEqual(expected);
  });

  test('are in question too where kernels, rather than rows, are divided', () => {
    const normalized = buildNetwork({ ...mlp, normalization: 'batch' }, layout, 1, 1);
    expect(candidateThreads(normalized, planOf(2048, 2))).toEqual([1, 2]);
  });
});

describe('chooseStepThreads', () => {
  test('takes the number with the shortest steps, says all times, and keeps what it found', async () => {
    const chosen = await chooseStepThreads(network, planOf(1024, 2), 500);
    const [one, two] = /^A step took on threads: 1 ([0-9.]+) ms, 2 ([0-9.]+) ms\.$/.exec(chosen!.reason)!.slice(1).map(Number);
    expect(chosen!.stepThreads).toBe(two < one ? 2 : 1);
    expect(await chooseStepThreads(network, planOf(1024, 2, 99), 500)).toBe(chosen);
  });

  test('measures nothing for a short training, nor where there is nothing to choose', async () => {
    expect(await chooseStepThreads(network, planOf(1024, 2), 499)).toBeUndefined();
    expect(await chooseStepThreads(network, planOf(256, 2), 10_000)).toBeUndefined();
  });
});
