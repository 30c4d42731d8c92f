import { z } from 'zod';
import { imageColumn } from './image.js';
import { checkSeverity, isoDate } from './scalars.js';

const plainColumn = z.strictObject({
  type: z.enum(['string', 'integer', 'float', 'boolean', 'timestamp']),
  /** Whether missing values are expected; in a column that is not nullable they break a rule. */
  nullable: z.boolean().default(false),
  min: z.union([z.number(), isoDate]).optional(),
  max: z.union([z.number(), isoDate]).optional(),
  allowed: z.array(z.string()).min(1).optional(),
  /** What happens to a row that breaks this column's rules. */
  onViolation: z.enum(['quarantine', 'fail', 'warn']).default('quarantine'),
  /** Largest share of missing values among the clean rows; more is an error. */
  maxMissing: z.number().min(0).max(1).optional(),
  /** A key: no value may occur twice among the clean rows. Missing values do not count. */
  unique: z.boolean().optional(),
  /** This column's own limit and severity in place of `expectations.drift`. */
  drift: z.strictObject({ max: z.number().gt(0).max(1).optional(), severity: checkSeverity.optional() }).optional(),
});

export const columnSpec = z.discriminatedUnion('type', [plainColumn, imageColumn]);

export type ColumnSpec = z.output<typeof columnSpec>;
