import { Counter, type Registry } from 'prom-client';
import { LeanHistogram } from '../metrics/lean-histogram.js';
import type { AnomalyObserver } from './anomaly-monitor.js';

/** Half of the rows of training lie below 0.5, one in a thousand from 0.999 on. */
const scoreBuckets = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999];

/** What a serving process counts of rows that are unlike the training rows, for Prometheus. */
export class AnomalyMetrics {
  readonly #scores: LeanHistogram;
  readonly #values: Counter;
  readonly #rows: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#scores = new LeanHistogram({
      name: 'anneal_anomaly_score',
      help: 'Share of the training rows that are less unusual than a row, by row.',
      buckets: scoreBuckets,
    });
    this.#scores.registerIn(registry);
    this.#values = new Counter({
      name: 'anneal_anomalies_total',
      help: 'Values that the training rows did not have, by column: missing, range, category; type: refused as none of the column.',
      labelNames: ['model', 'column', 'kind'],
      registers,
    });
    this.#rows = new Counter({
      name: 'anneal_anomalous_rows_total',
      help: "Rows whose score reaches the threshold of the model's policy.",
      labelNames: ['model', 'policy'],
      registers,
    });
  }

  /** Counts of one model. */
  observer(model: string): AnomalyObserver {
    const scores = this.#scores.series({ model });
    return {
      scored: (anomaly) => {
        for (let row = 0; row < anomaly.length; row++) scores.observe(anomaly[row]);
      },
      found: (column, kind, rows) => this.#values.inc({ model, column, kind }, rows),
      anomalous: (policy, rows) => this.#rows.inc({ model, policy }, rows),
    };
  }
}
