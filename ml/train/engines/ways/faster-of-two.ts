/** How many of its last stretches say how fast a way is. */
const remembered = 5;
/** A way is left for another that takes this share of its time, not for less: timings are noisy. */
const worthChanging = 0.97;
/** How long a way is kept to before the other is tried again, after a change and in the long run. */
const [soonMs, lateMs] = [250, 4000];
/** A try takes at most about this share of all time. */
const triedShare = 1 / 25;

/** Decides how each stretch of something is done that two ways lead through. */
export interface ChoiceOfTwo {
  /** @returns the way of the next stretch */
  next(): 0 | 1;
  /** Learn how long a stretch took. */
  observe(way: 0 | 1, steps: number, ms: number): void;
  /** Milliseconds a step; undefined before the first. */
  msPerStep(way: 0 | 1): number | undefined;
}

/**
 * Which of two ways of doing the same is faster, found by doing it in stretches. Which it is may change while it goes on, with what
 * else the machine does.
 */
export class FasterOfTwo implements ChoiceOfTwo {
  /** Milliseconds a step of the last stretches of each. */
  private readonly times: readonly [number[], number[]] = [[], []];
  private kept: 0 | 1 = 0;
  private sinceTryMs = 0;
  private nextTryMs = soonMs;

  next(): 0 | 1 {
    const other = this.other();
    if (this.times[other].length < remembered) return this.times[other].length < this.times[this.kept].length ? other : this.kept;
    return this.sinceTryMs >= this.nextTryMs ? other : this.kept;
  }

  observe(way: 0 | 1, steps: number, ms: number): void {
    const times = this.times[way];
    times.push(ms / steps);
    if (times.length > remembered) times.shift();
    if (way === this.kept) this.sinceTryMs += ms;
    else {
      this.sinceTryMs = 0;
      this.nextTryMs = Math.max(Math.min(2 * this.nextTryMs, lateMs), ms / triedShare);
    }
    if (this.isOtherFaster()) {
      this.kept = this.other();
      this.sinceTryMs = 0;
      this.nextTryMs = soonMs;
    }
  }

  msPerStep(way: 0 | 1): number | undefined {
    return median(this.times[way]);
  }

  private other(): 0 | 1 {
    return this.kept === 0 ? 1 : 0;
  }

  private isOtherFaster(): boolean {
    const other = this.times[this.other()];
    return other.length === remembered && median(other)! < worthChanging * median(this.times[this.kept])!;
  }
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
