const longestDoubledMs = 10 * 60_000;
/** From here on a pause is a fixed share of the time waited so far: after 8 hours that is more than 10 minutes. */
const share = 48;

/**
 * How long a run that waits for a mended source pauses before it looks at it again.
 *
 * The first pause doubles until 10 minutes; after 8 hours a pause is a 48th of the wait so far. So the looks of a wait of
 * T hours are about 10 + 48 + 48 ln(T / 8): 204 in 7 days and 274 in 30, the longest wait there is. A look is a timer
 * (2 events), an activity (3) and two workflow tasks (6): 11 events, so 30 days make about 3,000 of the 51,200 events
 * that a history may have, and the run need not continue as new for it.
 *
 * Pure.
 *
 * @param looks how many there have been
 * @param waitedMs since the wait began
 */
export function pauseBeforeLook(looks: number, waitedMs: number, firstPauseMs: number): number {
  const doubled = Math.min(firstPauseMs * 2 ** Math.min(looks, 20), Math.max(longestDoubledMs, firstPauseMs));
  return Math.round(Math.max(doubled, waitedMs / share));
}
