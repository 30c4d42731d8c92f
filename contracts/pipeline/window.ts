import { z } from 'zod';
import { offsetPattern } from './resolve-window.js';
import { columnName, isoDate } from './scalars.js';

export { epochMs, type ResolvedWindow, resolveWindow } from './resolve-window.js';

export const windowTimeHint =
  'use an ISO 8601 date or date-time in UTC, an offset from the start of the run such as "-7d" or "-24h" (s, m, h, d, w), or "now"';
export const windowTime = z.union([z.literal('now'), z.string().regex(offsetPattern), isoDate], { error: windowTimeHint });

/** The rows of a source whose time lies in [since, until); rows without a readable time are left out. */
export const windowSpec = z
  .strictObject({
    /** A column of times: a timestamp, a date, or text that can be read as one. */
    column: columnName,
    since: windowTime.optional(),
    until: windowTime.optional(),
  })
  .refine(({ since, until }) => since !== undefined || until !== undefined, 'give since, until or both');

export type WindowSpec = z.output<typeof windowSpec>;
