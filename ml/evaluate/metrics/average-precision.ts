import { rankOrder } from './rank-order.js';

/**
 * Average precision: Σ (recall_k − recall_{k−1}) · precision_k over the distinct scores, without interpolation.
 *
 * @param scores shape [N], finite, higher means more likely positive
 * @param labels shape [N], 0 or 1
 * @param order `rankOrder(scores)`, when it is at hand
 * @returns NaN when there is no positive row
 */
export function averagePrecision(scores: Float32Array, labels: Float32Array, order: Uint32Array = rankOrder(scores)): number {
  let truePositives = 0;
  let total = 0;
  const rows = scores.length;
  for (let end = rows; end > 0;) {
    let start = end;
    let tiedPositives = 0;
    const score = scores[order[end - 1]];
    for (; start > 0 && scores[order[start - 1]] === score; start--) if (labels[order[start - 1]] === 1) tiedPositives++;
    truePositives += tiedPositives;
    total += (tiedPositives * truePositives) / (rows - start);
    end = start;
  }
  return total / truePositives;
}
