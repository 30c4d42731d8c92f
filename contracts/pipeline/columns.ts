import { z } from 'zod';
import { isoDate } from './scalars.js';

export const columnSpec = z.strictObject({
  type: z.enum(['string', 'integer', 'float', 'boolean', 'timestamp']),
  /** Whether missing values are expected; in a column that is not nullable they break a rule. */
  nullable: z.boolean().default(false),
  min: z.union([z.number(), isoDate]).optional(),
  max: z.union([z.number(), isoDate]).optional(),
  allowed: z.array(z.string()).min(1).optional(),
  /** What happens to a row that breaks this column's rules. */
  onViolation: z.enum(['quarantine', 'fail', 'warn']).default('quarantine'),
});

export const expectationsSpec = z.strictObject({
  minRows: z.int().min(1).default(100),
  /** More quarantined rows than this fraction fail the run. */
  maxQuarantined: z.number().min(0).max(1).default(0.01),
  /** The rarest class of the training part needs this many rows. */
  minRowsPerClass: z.int().min(1).default(10),
});

export type ColumnSpec = z.output<typeof columnSpec>;
export type ExpectationsSpec = z.output<typeof expectationsSpec>;
