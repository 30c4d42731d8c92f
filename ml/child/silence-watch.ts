/**
 * Tells when nothing was heard of a child process for too long. In two halves: after a pause of the whole machine the first one ends
 * before what the child has said is read.
 */
export class SilenceWatch {
  #silentHalves = 0;
  readonly #timer: NodeJS.Timeout;

  /** @param onSilent called once a silence */
  constructor(limitMs: number, onSilent: () => void) {
    this.#timer = setInterval(() => {
      if (++this.#silentHalves === 2) onSilent();
    }, limitMs / 2);
  }

  heard(): void {
    this.#silentHalves = 0;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}
