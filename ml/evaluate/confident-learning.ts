/** Classes that rows were given, against what a model that did not see them predicts. */
export interface GivenLabels {
  readonly classes: number;
  /** Index of the class that each row was given, shape [N]. */
  readonly given: ArrayLike<number>;
  /** Out-of-sample probabilities, shape [N, classes]. */
  readonly probabilities: Float32Array;
}

export interface SuspectLabel {
  /** Index of the row. */
  readonly row: number;
  readonly given: number;
  readonly likely: number;
  /** Probability of the given class less that of the most probable other one; the lower, the more suspicious. */
  readonly margin: number;
}

export interface ConfidentLearning {
  /** Mean probability of each class among the rows that were given it; NaN for a class without rows. */
  readonly thresholds: number[];
  /**
   * Estimated rows by given and true class, shape [classes][classes]: the confident joint, each of its rows scaled to the rows
   * that were given the class.
   */
  readonly joint: number[][];
  /** The most suspicious first. */
  readonly suspects: SuspectLabel[];
}

/**
 * Find the rows whose given class is most likely wrong.
 *
 * A row counts as confidently of class k when its probability of k reaches the mean that k has among the rows given it; of
 * several such classes the most probable one counts. These counts, scaled, estimate how many rows given i are of class j. So
 * many are suspects: of the rows given i that are most probably j, those where j exceeds i most. Pure.
 *
 * @see Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", sections 3.1 and 3.2
 *   (the confident joint; pruning by noise rate; ranking by normalized margin)
 */
export function confidentLearning(labels: GivenLabels): ConfidentLearning {
  const { classes, given, probabilities } = labels;
  const thresholds = selfConfidence(labels);
  const counts = Array.from({ length: classes }, () => zeros(classes));
  const rowsGiven = zeros(classes);
  const doubted: SuspectLabel[] = [];
  for (let row = 0; row < given.length; row++) {
    const label = given[row];
    const at = row * classes;
    rowsGiven[label]++;
    const confident = confidentClass(probabilities, at, thresholds);
    if (confident !== undefined) counts[label][confident]++;
    const likely = mostProbable(probabilities, at, classes);
    const margin = probabilities[at + label] - probabilities[at + likely];
    if (margin < 0) doubted.push({ row, given: label, likely, margin });
  }
  const joint = counts.map((row, label) => scaled(row, label, rowsGiven[label]));
  return { thresholds, joint, suspects: prunedByNoiseRate(doubted, joint) };
}

/** Of each pair of classes as many rows as the joint says, by the margin; the most suspicious first. */
function prunedByNoiseRate(doubted: SuspectLabel[], joint: readonly (readonly number[])[]): SuspectLabel[] {
  const left = joint.map((row) => row.map(Math.round));
  return doubted.sort((a, b) => a.margin - b.margin || a.row - b.row).filter(({ given, likely }) => left[given][likely]-- > 0);
}

function mostProbable(probabilities: Float32Array, at: number, classes: number): number {
  let best = 0;
  for (let k = 1; k < classes; k++) if (probabilities[at + k] > probabilities[at + best]) best = k;
  return best;
}

function selfConfidence({ classes, given, probabilities }: GivenLabels): number[] {
  const sums = zeros(classes);
  const rows = zeros(classes);
  for (let row = 0; row < given.length; row++) {
    sums[given[row]] += probabilities[row * classes + given[row]];
    rows[given[row]]++;
  }
  return sums.map((sum, k) => sum / rows[k]);
}

/** @returns the most probable of the classes whose threshold is reached; undefined when none is */
function confidentClass(probabilities: Float32Array, at: number, thresholds: readonly number[]): number | undefined {
  let best: number | undefined;
  for (let k = 0; k < thresholds.length; k++) {
    // A mean of equal values may exceed them by what rounding left of it.
    const reaches = probabilities[at + k] >= thresholds[k] - 1e-6;
    if (reaches && (best === undefined || probabilities[at + k] > probabilities[at + best])) best = k;
  }
  return best;
}

/** Without a confident row, all rows of a class are taken for what they were given. */
function scaled(counts: readonly number[], label: number, rows: number): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return total === 0 ? counts.map((_, k) => (k === label ? rows : 0)) : counts.map((count) => (count / total) * rows);
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}
