import { AsyncLocalStorage } from 'node:async_hooks';

/** What a piece of work holds, by a key of its holder's choice, with how to let it go. */
class ArtifactUse {
  readonly #held = new Map<string, Promise<() => Promise<void>>>();

  async hold(key: string, take: () => Promise<() => Promise<void>>): Promise<void> {
    let holding = this.#held.get(key);
    if (!holding) {
      holding = take();
      this.#held.set(key, holding);
      // Whoever comes next tries again.
      holding.catch(() => this.#held.delete(key));
    }
    await holding;
  }

  async letGo(): Promise<void> {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const holding of held) await holding.then((release) => release()).catch(() => undefined);
  }
}

const uses = new AsyncLocalStorage<ArtifactUse>();
/** Of work that nobody has begun by `withArtifactsInUse`: it holds what it takes until the process ends. */
const processUse = new ArtifactUse();

/**
 * Run work that reads artifacts: the local files that it is given stay where they are until it has ended, also when a cache of
 * them is full.
 */
export async function withArtifactsInUse<T>(work: () => Promise<T>): Promise<T> {
  const use = new ArtifactUse();
  try {
    return await uses.run(use, work);
  } finally {
    await use.letGo();
  }
}

/**
 * Hold something until the work under way ends; once for each key.
 *
 * @param take takes hold, and returns how to let go
 */
export function holdForUse(key: string, take: () => Promise<() => Promise<void>>): Promise<void> {
  return (uses.getStore() ?? processUse).hold(key, take);
}
