import { z } from 'zod';
import { checkSeverity, columnName } from './scalars.js';

const fraction = z.number().min(0).max(1);

/**
 * What a data set must be like. A check's severity: `error` stops the run, `warn` is reported, `off` is not looked for.
 *
 * The defaults report what is rarely meant, and stop only what would make the model's metrics a lie.
 */
export const expectationsSpec = z.strictObject({
  minRows: z.int().min(1).default(100),
  /** More quarantined rows than this fraction are an error. */
  maxQuarantined: fraction.default(0.01),
  /** The rarest class of the training part needs this many rows. */
  minRowsPerClass: z.int().min(1).default(10),

  /** What an error does: the run waits for `anneal override` or a source that was mended, or fails at once. */
  onError: z.enum(['wait', 'fail']).default('wait'),
  /** How long a run waits before it fails, in seconds; default 7 days. */
  waitSeconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(7 * 86_400),
  /** While a run waits, when it looks for the first time whether the source has changed, in seconds; then ever more rarely. */
  recheckSeconds: z.int().min(1).max(86_400).default(30),

  /** Exact copies of rows beyond this fraction. */
  duplicates: z.strictObject({ severity: checkSeverity.default('warn'), max: fraction.default(0.05) }).prefault({}),
  /** A feature's column that has one value in every row. */
  constants: z.strictObject({ severity: checkSeverity.default('warn') }).prefault({}),
  /** A repeated value far outside of a column's others, such as −9999 or 1900-01-01, which may stand for a missing one. */
  suspicious: z
    .strictObject({
      severity: checkSeverity.default('warn'),
      /** Columns that may have one. */
      allow: z.array(columnName).default([]),
    })
    .prefault({}),
  /** The frozen schema `<pipeline>.schema.json`, where there is one. Values outside that are rarer than `maxOutside` are a warning. */
  schema: z.strictObject({ severity: checkSeverity.default('error'), maxOutside: fraction.default(0.01) }).prefault({}),
  /**
   * Distance of a column's distribution to that in the frozen schema and to the last accepted data: L∞ of the shares of
   * categories, Jensen–Shannon divergence (base 2) of the histograms of numbers; both between 0 and 1.
   */
  drift: z
    .strictObject({
      severity: checkSeverity.default('warn'),
      categories: z.number().gt(0).max(1).default(0.1),
      numbers: z.number().gt(0).max(1).default(0.1),
    })
    .prefault({}),
  /** Gaps in a timestamp column (default: that of a time split) longer than `factor` times the usual step between days or hours with rows. */
  timeGaps: z
    .strictObject({ severity: checkSeverity.default('warn'), column: columnName.optional(), factor: z.number().gt(1).default(5) })
    .prefault({}),
  /**
   * A feature that alone gives the label away, fitted on the training part and scored on the others: area under the ROC
   * curve (binary), share of the right classes above the most frequent one's (multiclass), R² of ranks (regression); and
   * a feature's column that the target's expression reads.
   */
  leakage: z
    .strictObject({
      severity: checkSeverity.default('error'),
      auc: z.number().gt(0.5).max(1).default(0.99),
      skill: z.number().gt(0).max(1).default(0.98),
      r2: z.number().gt(0).max(1).default(0.999),
      /** Features that may do so. */
      allow: z.array(columnName).default([]),
    })
    .prefault({}),
  /** The same row (features and label), or the same value of `key`, in training and in validation or test, beyond a fraction of those. */
  splitOverlap: z
    .strictObject({ severity: checkSeverity.default('warn'), max: fraction.default(0.01), key: z.array(columnName).min(1).optional() })
    .prefault({}),
  /** Distance of the target's distribution between training and the other parts, measured as in `drift`. */
  targetDrift: z.strictObject({ severity: checkSeverity.default('warn'), max: z.number().gt(0).max(1).default(0.1) }).prefault({}),
});

export type ExpectationsSpec = z.output<typeof expectationsSpec>;
