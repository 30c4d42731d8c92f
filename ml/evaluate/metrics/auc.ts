import { rankOrder } from './rank-order.js';

/**
 * Area under the ROC curve, by rank sums; a tie counts half.
 *
 * @param scores shape [N], finite, higher means more likely positive
 * @param labels shape [N]; the rows equal to `positive` are the positive ones
 * @param order `rankOrder(scores)`, when it is at hand
 * @returns NaN when one of the two classes has no row
 * @see Mann and Whitney 1947; Fawcett 2006, "An introduction to ROC analysis"
 */
export function auc(scores: Float32Array, labels: Float32Array, positive = 1, order: Uint32Array = rankOrder(scores)): number {
  const rows = scores.length;
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < rows;) {
    let end = start;
    let tiedPositives = 0;
    const score = scores[order[start]];
    for (; end < rows && scores[order[end]] === score; end++) if (labels[order[end]] === positive) tiedPositives++;
    // Ranks start at 1; tied rows share the mean of theirs.
    rankSum += (tiedPositives * (start + 1 + end)) / 2;
    positives += tiedPositives;
    start = end;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (rows - positives));
}
