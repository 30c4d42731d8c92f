import type { ServingSpec } from './serving.js';

/**
 * What to say of a threshold that so few training rows cannot tell from 1: one row is 1 / `trainingRows` of the score.
 *
 * @returns undefined where the threshold can be told
 */
export function coarseThreshold({ anomaly }: ServingSpec = {}, trainingRows: number): string | undefined {
  const share = 1 / trainingRows;
  const finest = 1 - share;
  if (!anomaly || anomaly.policy === 'off' || anomaly.threshold <= finest) return undefined;
  return `serving.anomaly.threshold is ${anomaly.threshold}, and of ${trainingRows} training rows each is ${share.toPrecision(2)} of the score: only rows that are further out than all of them come to more than ${finest.toFixed(4)}, and a category that never was may not. A threshold of ${(Math.floor(finest * 100) / 100).toFixed(2)} or less tells more.`;
}
