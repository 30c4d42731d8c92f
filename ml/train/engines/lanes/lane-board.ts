/** Places in the shared memory of a board; what each lane was last taken for comes behind them. */
const published = 0;
const failed = 1;
const done = 2;
const firstLane = 3;

/** Looks at the others before a thread lies down: some hundred microseconds, in which an update is made or a lane finished. */
const looks = 30_000;
/** A thread that waits hears of nothing else, such as the end of another thread. */
const sleepMs = 20;

/** Why is known to the thread that failed. */
export class OtherThreadFailed extends Error {
  constructor() {
    super('another thread of the training step failed');
  }
}

/** A step has two: the gradients of the lanes, then the updates of as many parts of the vectors. They are counted from 0. */
export function phasesOfStep(step: number): readonly [gradients: number, updates: number] {
  return [2 * step, 2 * step + 1];
}

/**
 * Where the threads of a session find the lanes of the phase that is to be done. Every thread has its own, over the same memory.
 *
 * Whoever is free takes the next lane, so a thread that gets no processor is not waited for unless it holds one.
 */
export class LaneBoard {
  private readonly memory: Int32Array;

  /** @param memory of `LaneBoard.allocate` */
  constructor(
    memory: SharedArrayBuffer,
    private readonly lanes: number,
  ) {
    this.memory = new Int32Array(memory);
  }

  static allocate(lanes: number): SharedArrayBuffer {
    return new SharedArrayBuffer((firstLane + lanes) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Let the lanes of a phase be taken; what was written into shared memory before is seen by who takes them. */
  publish(phase: number): void {
    Atomics.store(this.memory, done, 0);
    Atomics.store(this.memory, published, phase + 1);
    Atomics.notify(this.memory, published);
  }

  /** @returns a lane of the phase that nobody had taken, from the last one downwards; undefined when all are taken */
  take(phase: number): number | undefined {
    for (let lane = this.lanes - 1; lane >= 0; lane--)
      if (Atomics.compareExchange(this.memory, firstLane + lane, phase, phase + 1) === phase) return lane;
    return undefined;
  }

  /** Do one lane of the phase after another until all are taken. */
  async takeAll(phase: number, work: (lane: number) => Promise<void>): Promise<void> {
    for (let lane = this.take(phase); lane !== undefined; lane = this.take(phase)) {
      await work(lane);
      this.finish();
    }
  }

  /** A lane that was taken has been done; what was written into shared memory is seen by who waits for all. */
  finish(): void {
    if (Atomics.add(this.memory, done, 1) + 1 === this.lanes) Atomics.notify(this.memory, done);
  }

  /** Return when the phase is published, or another after it. Blocks the thread. @throws OtherThreadFailed */
  waitForPhase(phase: number): void {
    const { memory } = this;
    for (let i = 0; i < looks && Atomics.load(memory, published) <= phase; i++);
    for (;;) {
      const last = Atomics.load(memory, published);
      this.check();
      if (last > phase) return;
      Atomics.wait(memory, published, last, sleepMs);
    }
  }

  /**
   * Return when all lanes of the phase are done. Blocks the thread.
   *
   * @param between called every 20 ms of waiting; may throw
   * @throws OtherThreadFailed
   */
  async waitForAll(between: () => Promise<void>): Promise<void> {
    const { memory, lanes } = this;
    for (let i = 0; i < looks && Atomics.load(memory, done) < lanes; i++);
    for (;;) {
      const count = Atomics.load(memory, done);
      this.check();
      if (count >= lanes) return;
      if (Atomics.wait(memory, done, count, sleepMs) === 'timed-out') await between();
    }
  }

  /** Let nobody wait for this thread any more. */
  fail(): void {
    Atomics.store(this.memory, failed, 1);
    for (const place of [published, done]) Atomics.notify(this.memory, place);
  }

  private check(): void {
    if (Atomics.load(this.memory, failed) === 1) throw new OtherThreadFailed();
  }
}
