const refreshMs = 60_000;

/**
 * Times of `performance.now()` as times of day, milliseconds since 1970. All spans of a request share one offset, so that they fit
 * together to the microsecond; it is taken anew every minute, since the system's clock is corrected meanwhile.
 */
export class SpanClock {
  #offsetMs = 0;
  #takenAt = Number.NEGATIVE_INFINITY;

  at(time: number): number {
    if (time - this.#takenAt > refreshMs) {
      this.#takenAt = performance.now();
      this.#offsetMs = Date.now() - this.#takenAt;
    }
    return this.#offsetMs + time;
  }

  now(): number {
    return this.at(performance.now());
  }
}
