import type { MutualInformation } from '../../../contracts/dataset.js';

/**
 * Mutual information of two discrete variables from counts of their pairs, with the bias of few rows taken out.
 *
 * Pure. Entropies by Miller and Madow: the plain estimate plus (values seen − 1) / (2 · rows). Independent variables may so
 * come out below 0, which is given as 0.
 *
 * @param pairs rows for each pair of values that occurs; a pair may occur several times
 * @returns undefined when there are no rows, or when `y` has one value only: there is nothing to tell about it
 * @see Miller 1955, "Note on the bias of information estimates"; Paninski 2003, "Estimation of entropy and mutual information"
 */
export function mutualInformation(
  pairs: Iterable<{ readonly x: string | number; readonly y: number; readonly rows: number }>,
): MutualInformation | undefined {
  const ofX = new Map<string | number, number>();
  const ofY = new Map<number, number>();
  const ofBoth = new Map<string | number, Map<number, number>>();
  for (const { x, y, rows } of pairs) {
    if (rows === 0) continue;
    add(ofX, x, rows);
    add(ofY, y, rows);
    const row = ofBoth.get(x) ?? new Map<number, number>();
    ofBoth.set(x, row);
    add(row, y, rows);
  }
  if (ofY.size < 2) return undefined;
  const joint = [...ofBoth.values()].flatMap((row) => [...row.values()]);
  const targetEntropy = entropy([...ofY.values()]);
  const nats = Math.max(0, correctedEntropy([...ofX.values()]) + correctedEntropy([...ofY.values()]) - correctedEntropy(joint));
  return { nats: rounded(nats), normalized: rounded(Math.min(1, nats / targetEntropy)) };
}

function add<Key>(counts: Map<Key, number>, key: Key, rows: number): void {
  counts.set(key, (counts.get(key) ?? 0) + rows);
}

function correctedEntropy(counts: readonly number[]): number {
  return entropy(counts) + (counts.length - 1) / (2 * counts.reduce((sum, rows) => sum + rows, 0));
}

/** In nats. */
function entropy(counts: readonly number[]): number {
  const total = counts.reduce((sum, rows) => sum + rows, 0);
  // In the order of size: the sum then does not depend on the order in which the counts came.
  const sorted = counts.toSorted((a, b) => a - b);
  return sorted.reduce((sum, rows) => sum - (rows / total) * Math.log(rows / total), 0);
}

function rounded(value: number): number {
  return Number(value.toPrecision(9));
}
