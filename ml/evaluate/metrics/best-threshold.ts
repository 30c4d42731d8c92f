import { rankOrder } from './rank-order.js';

/**
 * The probability from which on a row is called positive, chosen to maximize F1 of the positive class.
 *
 * It lies midway between two neighbouring probabilities, so that a last-digit difference of another runtime
 * does not move rows across it.
 *
 * @param probabilities of the positive class, shape [N]
 * @param labels 0 or 1, shape [N]
 * @returns a float32 value; 0.5 when there is no positive row
 */
export function bestF1Threshold(
  probabilities: Float32Array,
  labels: Float32Array,
  order: Uint32Array = rankOrder(probabilities),
): { threshold: number; f1: number } {
  const rows = labels.length;
  let positives = 0;
  for (const label of labels) if (label === 1) positives++;
  let best = { threshold: 0.5, f1: 0 };
  let truePositives = 0;
  for (let end = rows; end > 0;) {
    let start = end;
    const value = probabilities[order[end - 1]];
    for (; start > 0 && probabilities[order[start - 1]] === value; start--) if (labels[order[start - 1]] === 1) truePositives++;
    const f1 = (2 * truePositives) / (positives + rows - start);
    if (f1 > best.f1) {
      const below = start > 0 ? probabilities[order[start - 1]] : 0;
      const middle = Math.fround((value + below) / 2);
      best = { threshold: middle > below ? middle : value, f1 };
    }
    end = start;
  }
  return best;
}
