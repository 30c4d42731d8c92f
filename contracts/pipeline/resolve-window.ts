import { AnnealError, failureTypes } from '../failures.js';
import type { WindowSpec } from './window.js';

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
export const offsetPattern = /^-(\d{1,6})([smhdw])$/;

/** A window in absolute times. */
export interface ResolvedWindow {
  readonly column: string;
  /** ISO 8601, UTC; inclusive. */
  readonly since?: string;
  /** ISO 8601, UTC; exclusive. */
  readonly until?: string;
}

/**
 * Turn a window's offsets into times. Pure, so safe in a workflow and on replay.
 *
 * @param startMs when the run started, milliseconds since 1970-01-01 UTC; of a scheduled run the time that it was scheduled
 *   for, so that `-1d` of a daily schedule leaves no gap and takes no row twice
 * @throws AnnealError `InvalidPipeline` when the window is empty
 */
export function resolveWindow({ column, since, until }: WindowSpec, startMs: number): ResolvedWindow {
  const [from, to] = [since, until].map((time) => (time === undefined ? undefined : absolute(time, startMs)));
  if (from !== undefined && to !== undefined && epochMs(from) >= epochMs(to)) {
    throw new AnnealError(
      failureTypes.invalidPipeline,
      `The window of the source holds no time: since (${since}${from === since ? '' : `, that is ${from}`}) must be before until (${until}${to === until ? '' : `, that is ${to}`}). Correct source.window.`,
    );
  }
  return { column, ...(from === undefined ? {} : { since: from }), ...(to === undefined ? {} : { until: to }) };
}

function absolute(time: string, startMs: number): string {
  if (time === 'now') return new Date(startMs).toISOString();
  const offset = offsetPattern.exec(time);
  if (!offset) return time;
  return new Date(startMs - Number(offset[1]) * unitMs[offset[2] as keyof typeof unitMs]).toISOString();
}

/** @param iso a date or a date-time in UTC @returns milliseconds since 1970 */
export function epochMs(iso: string): number {
  const dateTime = iso.length === 10 ? `${iso}T00:00:00` : iso.replace(' ', 'T');
  return Date.parse(dateTime.endsWith('Z') ? dateTime : `${dateTime}Z`);
}
