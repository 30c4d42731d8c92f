import type { MetricPoint } from '../contracts/training.js';

/** Writes points of a curve, from the one with index `from` on. Safe to repeat. */
export type LogPoints = (points: readonly MetricPoint[], from: number) => Promise<void>;

const defaultEveryMs = 5000;
const longestWaitMs = 60_000;

/**
 * Shows the curve of a training while it goes on, a few seconds behind it. Nothing waits for it, and nothing fails with it: what it
 * could not show is shown with what comes later, or at the end of the training by whoever logs its result.
 *
 * A training that is shorter than `everyMs` is not shown at all.
 */
export class LiveCurve {
  #points: readonly MetricPoint[] = [];
  #shown = 0;
  #log?: LogPoints;
  #waitMs: number;
  #timer?: NodeJS.Timeout;
  #isSending = false;
  #hasEnded = false;

  /**
   * @param open looks up, or makes, the place for the curve; called again after it failed
   * @param onTrouble hears of the first failure in a row
   * @param everyMs at least so long lies between two attempts; after a failure twice that, and so on up to a minute
   */
  constructor(
    private readonly open: () => Promise<LogPoints>,
    private readonly onTrouble: (error: unknown) => void,
    private readonly everyMs = defaultEveryMs,
  ) {
    this.#waitMs = everyMs;
  }

  /** @param points the whole curve so far, of which what was shown may have changed in its last point alone */
  show(points: readonly MetricPoint[]): void {
    this.#points = points;
    this.#schedule();
  }

  /** Nothing is sent any more but what is on its way. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#hasEnded || this.#isSending || this.#timer || this.#points.length <= this.#shown) return;
    this.#timer = setTimeout(() => void this.#send(), this.#waitMs);
    this.#timer.unref();
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    this.#isSending = true;
    const points = this.#points;
    try {
      this.#log ??= await this.open();
      // Whoever logs the result may be at it already.
      if (this.#hasEnded) return;
      await this.#log(points, Math.max(0, this.#shown - 1));
      this.#shown = points.length;
      this.#waitMs = this.everyMs;
    } catch (error) {
      if (this.#waitMs === this.everyMs) this.onTrouble(error);
      this.#waitMs = Math.min(longestWaitMs, 2 * this.#waitMs);
    } finally {
      this.#isSending = false;
      this.#schedule();
    }
  }
}
