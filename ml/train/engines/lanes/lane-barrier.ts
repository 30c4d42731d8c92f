/** Places in the shared memory of a barrier. */
const arrived = 0;
const generation = 1;
const failed = 2;

/** Looks at the other lanes before a thread lies down: some ten microseconds, about what waking it up takes. */
const looks = 10_000;
/** A thread that waits hears of nothing else, such as the end of another thread. */
const sleepMs = 20;

/** Why is known to the lane that failed. */
export class OtherLaneFailed extends Error {
  constructor() {
    super('another thread of the training step failed');
  }
}

/** Where the threads of a step wait for each other. Every lane has its own, over the same memory. */
export class LaneBarrier {
  private readonly memory: Int32Array;

  /** @param memory of `LaneBarrier.allocate` */
  constructor(
    memory: SharedArrayBuffer,
    private readonly lanes: number,
  ) {
    this.memory = new Int32Array(memory);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT);
  }

  /**
   * Return when every lane has come here; what each wrote into shared memory before is then seen by all. Blocks the thread.
   *
   * @param between called every 20 ms of waiting; may throw
   * @throws OtherLaneFailed
   */
  async meet(between?: () => Promise<void>): Promise<void> {
    const { memory, lanes } = this;
    const current = Atomics.load(memory, generation);
    if (Atomics.add(memory, arrived, 1) + 1 === lanes) {
      Atomics.store(memory, arrived, 0);
      this.release();
    } else {
      // Who fails, does so before or after another one has come here.
      const isWaiting = () => Atomics.load(memory, generation) === current && Atomics.load(memory, failed) === 0;
      for (let i = 0; i < looks && isWaiting(); i++);
      while (isWaiting()) if (Atomics.wait(memory, generation, current, sleepMs) === 'timed-out') await between?.();
    }
    if (Atomics.load(memory, failed) === 1) throw new OtherLaneFailed();
  }

  /** Let nobody wait for this lane any more. */
  fail(): void {
    Atomics.store(this.memory, failed, 1);
    this.release();
  }

  private release(): void {
    Atomics.add(this.memory, generation, 1);
    Atomics.notify(this.memory, generation);
  }
}
