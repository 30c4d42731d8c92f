/** What the training rows of a model were like. The content of a profile artifact; hosts get `columns` with the manifest. */
export interface TrainingProfile {
  readonly formatVersion: 1;
  /** In the order of the model's inputs, images left out. */
  readonly columns: readonly ColumnProfile[];
  /** What the exported graph scores rows with; absent when no column can be scored. */
  readonly score?: AnomalyScore;
}

/** A raw column in all training rows. */
export interface ColumnProfile {
  readonly name: string;
  readonly hasMissing: boolean;
  /** Of numbers, and of timestamps (milliseconds since 1970), which are no codes of categories. */
  readonly range?: { readonly min: number; readonly max: number };
  /** Of a column that is read as categories: all that there were, as text; absent where they are too many to keep. */
  readonly categories?: readonly string[];
  /** The most frequent category, the median; null where all is missing. */
  readonly typical: string | number | null;
}

/** A function of one number: `values[i]` up to and with `upTo[i]`, the last value beyond all of them. */
export interface Staircase {
  /** Increasing, finite, float32. */
  readonly upTo: readonly number[];
  /** One more than `upTo`. */
  readonly values: readonly number[];
}

/**
 * How unusual a row is: the squares of its columns' surprisals are added, and the sum is placed among those of the training rows.
 *
 * A surprisal is −ln of the share of training rows whose value is at least as unusual. Their sum would be Fisher's way to combine
 * them, which drowns one value that never was in many that are ordinary; their maximum, Tippett's, does not see that several are
 * unusual at once. The sum of squares lies between.
 */
export interface AnomalyScore {
  readonly numbers: readonly NumberSurprise[];
  readonly indices: readonly IndexSurprise[];
  /** From the sum to the score. */
  readonly scale: Staircase;
}

export interface NumberSurprise {
  readonly input: string;
  readonly present: Staircase;
  readonly missing: number;
}

/** Of what a feature makes an index of: a category, the hour, the weekday. */
export interface IndexSurprise {
  readonly feature: string;
  readonly input: string;
  /** By index; 0 is missing. */
  readonly values: readonly number[];
}
