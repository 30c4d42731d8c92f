import { z } from 'zod';

export const pipelineName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'use lower-case letters, digits and hyphens, at most 63 characters');
export const columnName = z.string().min(1).max(128);
export const isoDate = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?)?$/, 'use an ISO 8601 date or date-time, in UTC');
/** A SQL scalar expression over the raw columns, in DuckDB's dialect. The author of the pipeline is trusted with it. */
export const sqlExpression = z.string().min(1).max(2000);
/** What a finding of a check does to the run. */
export const checkSeverity = z.enum(['off', 'warn', 'error']);
export type CheckSeverity = z.output<typeof checkSeverity>;

/** Pixels. */
export const imageSide = z.int().min(1).max(4096);
export const imageChannels = z.union([z.literal(1), z.literal(3)]);
