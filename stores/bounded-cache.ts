import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactRef } from '../contracts/reference.js';
import { makeFolder } from '../ml/make-folder.js';
import { isGone, processMark } from '../ml/process-mark.js';
import { holdForUse } from './artifact-use.js';

export interface CacheBound {
  readonly limitBytes: number;
  /** What was written or used more recently stays: it may be on its way. @default 60,000 */
  readonly youngMs?: number;
}

/** After an eviction there is room for some more, so that not each new file begins another. */
const filledShare = 0.9;
/** A process of another machine that holds or evicts for so long was killed. */
const abandonedAfterMs = 24 * 60 * 60 * 1000;
const lockAbandonedAfterMs = 10 * 60 * 1000;
const lockPollMs = 20;

let leases = 0;

interface CachedObject {
  readonly digest: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly lastUseMs: number;
}

/**
 * Keeps a directory of artifacts that can be fetched again (`FileArtifactStore` layout) below a size: the least recently used
 * go first. What is held is never removed, whichever process of the machine holds it.
 *
 * Holding writes `leases/<digest>.<process>-<n>`, evicting takes the file `evicting`. Whoever holds writes the lease before it
 * looks for an eviction, and waits for that to end before it looks for the artifact; an eviction reads the leases after it has
 * the lock. So a held artifact was either seen as such, or is seen to be gone, and is fetched again.
 */
export class BoundedCache {
  /** Bytes that the directory held when it was counted last, and what this process has added since; unknown before. */
  #estimateBytes = Number.POSITIVE_INFINITY;
  #trimming?: Promise<void>;

  /** @param root directory of the artifacts */
  constructor(
    private readonly root: string,
    private readonly bound: CacheBound,
  ) {}

  /** Keep an artifact until the work under way ends (`withArtifactsInUse`), whether it is here yet or not. */
  async hold({ sha256 }: ArtifactRef): Promise<void> {
    await holdForUse(`${this.root} ${sha256}`, async () => {
      const lease = join(this.root, 'leases', `${sha256}.${processMark}-${leases++}`);
      await this.#mark(lease);
      const used = join(this.root, 'used', sha256);
      await this.#mark(used);
      while (await this.#isEvicting()) await sleep(lockPollMs);
      return async () => {
        await this.#mark(used);
        await rm(lease, { force: true });
      };
    });
  }

  /** Make room when so many more bytes are too many. */
  async added(sizeBytes: number): Promise<void> {
    this.#estimateBytes += sizeBytes;
    if (this.#estimateBytes <= this.bound.limitBytes) return;
    this.#trimming ??= this.#trim().finally(() => (this.#trimming = undefined));
    await this.#trimming;
  }

  async #trim(): Promise<void> {
    if (!(await this.#lock())) return;
    try {
      const held = await this.#held();
      const objects = await this.#objects();
      let total = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      if (total > this.bound.limitBytes) {
        const youngest = Date.now() - (this.bound.youngMs ?? 60_000);
        const candidates = objects.filter(({ digest, lastUseMs }) => !held.has(digest) && lastUseMs <= youngest);
        for (const { path, digest, sizeBytes } of candidates.sort((a, b) => a.lastUseMs - b.lastUseMs)) {
          if (total <= filledShare * this.bound.limitBytes) break;
          await rm(path, { force: true });
          await rm(join(this.root, 'used', digest), { force: true });
          total -= sizeBytes;
        }
      }
      this.#estimateBytes = total;
    } finally {
      await rm(this.#lockPath, { force: true });
    }
  }

  get #lockPath(): string {
    return join(this.root, 'evicting');
  }

  async #lock(): Promise<boolean> {
    await makeFolder(this.root);
    const file = await open(this.#lockPath, 'wx').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    });
    // Another process makes room already; one that was killed at it is not waited for again.
    if (!file) {
      await this.#isEvicting();
      return false;
    }
    try {
      await file.writeFile(processMark);
    } finally {
      await file.close();
    }
    return true;
  }

  async #isEvicting(): Promise<boolean> {
    const found = await stat(this.#lockPath).catch(() => undefined);
    if (!found) return false;
    const owner = await readFile(this.#lockPath, 'utf8').catch(() => '');
    if (isGone(owner) !== true && Date.now() - found.mtimeMs < lockAbandonedAfterMs) return true;
    await rm(this.#lockPath, { force: true });
    return false;
  }

  /** Digests of what is held; leases of processes that are gone are removed. */
  async #held(): Promise<ReadonlySet<string>> {
    const held = new Set<string>();
    for (const name of await namesIn(join(this.root, 'leases'))) {
      const [digest, mark] = [name.slice(0, 64), name.slice(65).replace(/-\d+$/, '')];
      const path = join(this.root, 'leases', name);
      const gone = isGone(mark) ?? (await isOlder(path, abandonedAfterMs));
      if (gone) await rm(path, { force: true });
      else held.add(digest);
    }
    return held;
  }

  async #objects(): Promise<CachedObject[]> {
    const objects: CachedObject[] = [];
    for (const folder of await namesIn(join(this.root, 'sha256'))) {
      for (const digest of await namesIn(join(this.root, 'sha256', folder))) {
        const path = join(this.root, 'sha256', folder, digest);
        const [found, used] = await Promise.all([path, join(this.root, 'used', digest)].map((at) => stat(at).catch(() => undefined)));
        if (!found) continue;
        objects.push({ digest, path, sizeBytes: found.size, lastUseMs: Math.max(found.mtimeMs, used?.mtimeMs ?? 0) });
      }
    }
    return objects;
  }

  /** An empty file whose time is now. */
  async #mark(path: string): Promise<void> {
    await writeFile(path, '').catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await makeFolder(dirname(path));
      await writeFile(path, '');
    });
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
}

async function isOlder(path: string, ageMs: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ageMs;
}
