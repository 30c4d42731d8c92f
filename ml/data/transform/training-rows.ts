/** The rows that transforms are fitted on. */
export interface TrainingRows {
  /** Name of a view with the raw inputs as columns (see `rawColumn`), and the target as a number under `encodedTarget`. */
  readonly relation: string;
  readonly rows: number;
  /** 2 for a binary target, 0 for a regression. */
  readonly classes: number;
}
