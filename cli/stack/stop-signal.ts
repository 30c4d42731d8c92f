const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof signals)[number];

/** A Ctrl-C reaches a script of npm twice, from the terminal and from npm. */
const sameWishMs = 1500;
const parentPollMs = 1000;

export interface StopRequest {
  readonly signal: AbortSignal;
  /** What asked; undefined while nobody has. */
  readonly reason: StopSignal | 'parent' | undefined;
  /** Resolves when somebody asks. */
  readonly requested: Promise<void>;
  /** Leave signals to Node.js again. */
  release(): void;
}

/**
 * Hear a wish to stop: Ctrl-C, SIGTERM, the terminal's end, or, below npm, the end of npm itself.
 *
 * @param again is called when the wish comes a second time, in earnest
 */
export function listenForStop(again: () => void = () => undefined): StopRequest {
  const controller = new AbortController();
  let reason: StopRequest['reason'];
  let firstAt = 0;
  let settle: () => void = () => undefined;
  const requested = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const wish = (from: StopSignal | 'parent') => {
    if (reason !== undefined) {
      if (performance.now() - firstAt > sameWishMs) again();
      return;
    }
    reason = from;
    firstAt = performance.now();
    controller.abort();
    settle();
  };
  for (const signal of signals) process.on(signal, wish);

  const parent = process.ppid;
  const underNpm = process.env.npm_lifecycle_event !== undefined;
  const watch = underNpm ? setInterval(() => process.ppid !== parent && wish('parent'), parentPollMs).unref() : undefined;
  return {
    signal: controller.signal,
    get reason() {
      return reason;
    },
    requested,
    release() {
      for (const signal of signals) process.off(signal, wish);
      clearInterval(watch);
    },
  };
}
