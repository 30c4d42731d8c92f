import type { EvaluationReport } from '../../../contracts/model.js';

const thresholds = [0.5, 0.9, 0.99, 0.999] as const;

/** How many rows a policy with each of some thresholds would concern. @param scores of the test rows */
export function anomalousShares(scores: Float32Array): NonNullable<EvaluationReport['anomaly']> {
  return thresholds.map((threshold) => {
    const limit = Math.fround(threshold);
    const rows = scores.reduce((sum, score) => sum + Number(score >= limit), 0);
    return { threshold, share: rows / scores.length };
  });
}
