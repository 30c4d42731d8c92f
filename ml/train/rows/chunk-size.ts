/** A chunk may take so much longer than the last one's estimate before the estimate is trusted. */
const maxGrowth = 4;

/**
 * Decides how many steps one call into the engine runs, so that it returns in time for progress, a checkpoint or a
 * cancellation. The size follows the wall clock; the result of the training does not depend on it.
 */
export class ChunkSize {
  private steps = 1;

  /** @param targetMs wall time that one call should take */
  constructor(private readonly targetMs: number) {}

  /** @returns steps of the next call, ≥ 1 and ≤ `remaining` */
  next(remaining: number): number {
    return Math.min(this.steps, remaining);
  }

  observe(steps: number, elapsedMs: number): void {
    const wanted = Math.floor((steps * this.targetMs) / Math.max(elapsedMs, 1e-3));
    this.steps = Math.max(1, Math.min(wanted, maxGrowth * Math.max(this.steps, steps)));
  }
}
