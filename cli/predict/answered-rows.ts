import type { Degradation, Prediction, PredictResult } from '../../contracts/serving.js';

/** A prediction with what its answer says of the row. */
export interface AnsweredRow extends Prediction {
  /** What answered instead of the model. */
  readonly degraded?: Degradation;
  /** The model's policy takes the row for anomalous. */
  readonly anomalous?: true;
}

/** The rows of an answer, each with what the answer says of it as a whole. */
export function answeredRows({ predictions, degraded, anomalous }: PredictResult): AnsweredRow[] {
  const unlike = new Set(anomalous);
  return predictions.map((prediction, row) => ({
    ...prediction,
    // Beside anomalous rows these alone were answered otherwise.
    ...(degraded !== undefined && (anomalous === undefined || unlike.has(row)) ? { degraded } : {}),
    ...(unlike.has(row) ? { anomalous: true } : {}),
  }));
}

/** The answers to pieces of one input, as the one answer that `--json` prints. */
export class WholeAnswer {
  readonly #rows: AnsweredRow[] = [];
  readonly #anomalous: number[] = [];
  #last: PredictResult | undefined;
  #degraded: Degradation | undefined;

  add(answer: PredictResult): void {
    const first = this.#rows.length;
    for (const row of answeredRows(answer)) this.#rows.push(row);
    for (const row of answer.anomalous ?? []) this.#anomalous.push(first + row);
    this.#degraded ??= answer.degraded;
    this.#last = answer;
  }

  /** What the host said; positions count over the whole input, `degraded` is that of the first piece that was, and stands in its rows. */
  result(): object {
    return {
      ...this.#last,
      predictions: this.#rows,
      ...(this.#degraded === undefined ? {} : { degraded: this.#degraded }),
      ...(this.#anomalous.length === 0 ? {} : { anomalous: this.#anomalous }),
    };
  }
}
