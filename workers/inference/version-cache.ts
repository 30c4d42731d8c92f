import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '../../contracts/artifact-store.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import type { ModelBundle } from '../../contracts/model.js';
import type { ArtifactRef } from '../../contracts/reference.js';
import type { ServedVersion } from '../../contracts/serving.js';
import { withArtifactsInUse } from '../../stores/artifact-use.js';
import type { VersionFiles } from '../../serving/loader/prepare-version.js';
import type { HashedFile, LocalFile } from '../../serving/loader/verified-file.js';
import { FileDigests } from './file-digests.js';
import { cannotWrite, isUnwritable } from './writable-folder.js';

/** What a host served last of one model; enough to serve it again with nothing but this directory. */
export interface CachedModel {
  readonly formatVersion: 1;
  readonly model: string;
  /** First run of the model's lifecycle: epochs of another lifecycle cannot be compared. */
  readonly lineage?: string;
  readonly epoch: number;
  readonly active: ServedVersion;
  readonly previous?: ServedVersion;
}

/**
 * The versions of one host on its own disk: `blobs/<sha256>`, and `models/<model>.json` for each model.
 *
 * A file appears under its final name complete and verified, or not at all.
 */
export class VersionCache {
  readonly #verified = new Map<string, HashedFile>();
  readonly #digests = new FileDigests();
  readonly #fetching = new Map<string, Promise<LocalFile>>();

  private constructor(
    private readonly directory: string,
    private readonly store: ArtifactStore,
    private readonly onDamaged: (what: string) => void,
  ) {}

  /** @param onDamaged told of a file on the disk of this host that was not what it should be, and is fetched again */
  static async open(directory: string, store: ArtifactStore, onDamaged: (what: string) => void = () => undefined): Promise<VersionCache> {
    for (const part of ['tmp', 'blobs', 'models']) await mkdir(join(directory, part), { recursive: true });
    return new VersionCache(directory, store, onDamaged);
  }

  /**
   * Bring a version's files here, from the artifact store where they are not here already.
   *
   * @throws AnnealError `ArtifactCorrupt` when the store has no such content, Error when the store cannot be reached; both say so where
   *   the file is here, but damaged; Error that names the folder when this disk is full or cannot be written
   */
  async files(bundle: ModelBundle): Promise<VersionFiles> {
    const fetching = [bundle.model, bundle.manifest, bundle.golden].map((ref) => this.#file(ref));
    // None is still being written when the failure of another is told.
    await Promise.allSettled(fetching);
    const [model, manifest, golden] = await Promise.all(fetching);
    return { model, manifest, golden };
  }

  async save(model: CachedModel): Promise<void> {
    const temporary = join(this.directory, 'tmp', randomUUID());
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(`${JSON.stringify(model, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(this.directory, 'models', `${encodeURIComponent(model.model)}.json`));
  }

  /** @returns the models that were served last; a state file that cannot be read is left out and told to `onUnreadable` */
  async saved(onUnreadable: (file: string) => void): Promise<CachedModel[]> {
    const models: CachedModel[] = [];
    for (const name of (await readdir(join(this.directory, 'models'))).sort()) {
      const model = await readFile(join(this.directory, 'models', name), 'utf8').then(parseModel, () => undefined);
      if (model) models.push(model);
      else onUnreadable(join(this.directory, 'models', name));
    }
    return models;
  }

  /** Remove what a killed process left half-written; only for the one process that uses the directory now. */
  async removeLeftovers(): Promise<void> {
    for (const name of await readdir(join(this.directory, 'tmp'))) await rm(join(this.directory, 'tmp', name), { force: true });
  }

  /** Delete the files that belong to none of these versions. */
  async keepOnly(versions: readonly ServedVersion[]): Promise<void> {
    const kept = new Set([
      ...versions.flatMap(({ bundle }) => [bundle.model, bundle.manifest, bundle.golden]).map((ref) => ref.sha256),
      ...this.#fetching.keys(),
    ]);
    for (const name of await readdir(join(this.directory, 'blobs'))) {
      if (kept.has(name)) continue;
      this.#verified.delete(name);
      await this.#digests.remove(join(this.directory, 'blobs', name));
    }
  }

  /** Do not trust a version's files any more: they are checked, and fetched again if need be, on the next use. */
  distrust(bundle: ModelBundle): void {
    for (const ref of [bundle.model, bundle.manifest, bundle.golden]) this.#verified.delete(ref.sha256);
  }

  #file(ref: ArtifactRef): Promise<LocalFile> {
    // The digest becomes part of a path, and the reference comes from a workflow's input.
    if (!/^[0-9a-f]{64}$/.test(ref.sha256)) {
      return Promise.reject(
        new AnnealError(
          failureTypes.artifactCorrupt,
          `The reference to a file of the model carries no SHA-256 in lower-case hex. Promote a version that Anneal registered.`,
        ),
      );
    }
    let fetching = this.#fetching.get(ref.sha256);
    if (!fetching) {
      fetching = this.#fetch(ref).finally(() => this.#fetching.delete(ref.sha256));
      this.#fetching.set(ref.sha256, fetching);
    }
    return fetching;
  }

  async #fetch(ref: ArtifactRef): Promise<LocalFile> {
    const path = join(this.directory, 'blobs', ref.sha256);
    let hashed = this.#verified.get(ref.sha256);
    if (!hashed) {
      const here = await this.#digests.digest(path).catch((error: Error) => error);
      const isWhole = here !== undefined && !(here instanceof Error) && here.sha256 === ref.sha256;
      if (isWhole) hashed = here.hashed;
      else {
        const damage = here && `${path} ${here instanceof Error ? `cannot be read: ${here.message}` : `has the SHA-256 ${here.sha256}`}`;
        if (damage) this.onDamaged(damage);
        hashed = await this.#bring(ref, path).catch((error: unknown) => {
          throw damage ? stillDamaged(damage, error) : error;
        });
      }
      this.#verified.set(ref.sha256, hashed);
    }
    return { path, sha256: ref.sha256, hashed };
  }

  async #bring(ref: ArtifactRef, path: string): Promise<HashedFile> {
    const temporary = join(this.directory, 'tmp', randomUUID());
    try {
      const hashed = await withArtifactsInUse(() => this.#copy(ref, temporary));
      await rename(temporary, path);
      return hashed;
    } finally {
      // What is in the way of this was in the way before, and is told; leftovers go with the next start.
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  /** Hashed once, as it is copied. */
  async #copy(ref: ArtifactRef, to: string): Promise<HashedFile> {
    const copied = async (path: string): Promise<HashedFile | undefined> => {
      const copy = await this.#digests.copy(path, to).catch((error: Error) => {
        // One that names the file in the store is about reading it.
        throw isUnwritable(error) && !error.message.includes(path) ? cannotWrite(this.directory, error) : error;
      });
      return copy?.sha256 === ref.sha256 ? copy.hashed : undefined;
    };
    const first = await this.store
      .unverifiedPath(ref)
      .then(copied)
      .catch(() => undefined);
    // What is wrong there is the store's to say, or to mend.
    const hashed = first ?? (await copied(await this.store.localPath(ref)));
    if (hashed) return hashed;
    throw new Error(`The copy of ${ref.uri} has another SHA-256 than the artifact; the disk of this host may be full or failing.`);
  }
}

/** What is wrong here comes first: the host would not have asked the store otherwise. */
function stillDamaged(damage: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `The copy of a model's file on the disk of this host is damaged (${damage}), and it could not be fetched from the artifact store again: ${why} It is tried again with each try to serve the version; until then the host serves what it holds in memory. Check the disk.`;
  return cause instanceof AnnealError ? new AnnealError(cause.type, message, cause.details, { cause }) : new Error(message, { cause });
}

function parseModel(text: string): CachedModel | undefined {
  try {
    const value = JSON.parse(text) as Partial<CachedModel> | null;
    return value?.formatVersion === 1 && typeof value.model === 'string' && typeof value.epoch === 'number' && value.active?.bundle
      ? (value as CachedModel)
      : undefined;
  } catch {
    return undefined;
  }
}
