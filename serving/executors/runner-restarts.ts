/** Deaths in a row, without a batch that was computed between them, whose replacement starts at once: a batch that crashes costs two. */
const forgivenInARow = 2;
/** Deaths that were followed by computed batches are forgiven at this rate, and so many at once. */
const forgivenEveryMs = 3000;
const forgivenAtOnce = 12;
const firstPauseMs = 200;
const longestPauseMs = 10_000;

/** From this pause on, requests are not left waiting for the next executor. */
export const unbearablePauseMs = 400;

/**
 * When the replacement of an executor starts that ended by itself: at once, unless executors of the version keep ending; then after
 * pauses that double up to ten seconds.
 *
 * Two things are counted, and the one that asks for the longer pause decides: deaths in a row without a computed batch (the version
 * crashes on everything), and deaths at all, which run off (it crashes on some requests, and would burn a core with new processes).
 */
export class RunnerRestarts {
  #inARow = 0;
  #lately = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** A batch was computed. */
  succeeded(): void {
    this.#inARow = 0;
  }

  /** An executor ended, or could not start. @param nowMs of a clock that does not go back @returns pause before the next start, ms */
  died(nowMs: number): number {
    this.#inARow++;
    this.#lately = Math.max(0, this.#lately - (nowMs - this.#lastAt) / forgivenEveryMs) + 1;
    this.#lastAt = nowMs;
    const surplus = Math.max(this.#inARow - forgivenInARow, Math.ceil(this.#lately - forgivenAtOnce));
    return surplus <= 0 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (surplus - 1));
  }
}
