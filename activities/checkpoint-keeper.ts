import { createHash } from 'node:crypto';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { AnnealError } from '../contracts/failures.js';
import type { ArtifactRef } from '../contracts/reference.js';

/** Newest checkpoints of a piece of work that stay in the store: the last one may be half of a crash's story. */
const keptCheckpoints = 2;

/** Where the newest checkpoint of a piece of work is pointed to. @param key as in `TrainInput` */
export function checkpointPointer(key: string): string {
  // Different keys may look alike without their slashes.
  const digest = createHash('sha256').update(key).digest('hex').slice(0, 12);
  return `checkpoints/${key.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, 100)}-${digest}/latest`;
}

/** Stores the checkpoints of one training activity, points at the newest and removes what it supersedes. */
export class CheckpointKeeper {
  readonly #own: ArtifactRef[] = [];
  readonly #pointer: string;

  /**
   * @param earlier newest checkpoint that an earlier attempt of this activity heartbeated; superseded by ours
   * @param resumeFrom result of another activity; never removed
   */
  constructor(
    private readonly store: ArtifactStore,
    key: string,
    private readonly earlier: ArtifactRef | undefined,
    private readonly resumeFrom: ArtifactRef | undefined,
  ) {
    this.#pointer = checkpointPointer(key);
    if (earlier && earlier.sha256 !== resumeFrom?.sha256) this.#own.push(earlier);
  }

  /** @returns local files of every checkpoint that the work could continue from; one that is lost is left out */
  async candidates(): Promise<string[]> {
    const pointed = await this.store.getPointer(this.#pointer).catch(undefinedWhenLost);
    const refs = [this.earlier, pointed, this.resumeFrom].filter((ref) => ref !== undefined);
    const distinct = [...new Map(refs.map((ref) => [ref.sha256, ref])).values()];
    const paths = await Promise.all(distinct.map((ref) => this.store.localPath(ref).catch(undefinedWhenLost)));
    return paths.filter((path) => path !== undefined);
  }

  /** Safe at any moment: the pointer moves when the bytes are in the store, and older ones go after it has moved. */
  async save(path: string): Promise<ArtifactRef> {
    const ref = await this.store.putFile(path);
    await this.store.setPointer(this.#pointer, ref);
    if (this.#own.at(-1)?.sha256 !== ref.sha256) this.#own.push(ref);
    while (this.#own.length > keptCheckpoints) {
      const superseded = this.#own.shift()!;
      const isNeeded = [ref, this.resumeFrom, ...this.#own].some((other) => other?.sha256 === superseded.sha256);
      if (!isNeeded) await this.store.remove(superseded);
    }
    return ref;
  }
}

/** A lost checkpoint costs the steps since an older one, never the run; trouble that may pass is left to a retry. */
function undefinedWhenLost(error: unknown): undefined {
  if (error instanceof AnnealError) return undefined;
  throw error;
}
