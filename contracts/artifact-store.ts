import type { ArtifactRef } from './reference.js';

/**
 * Immutable, content-addressed bytes, plus named pointers to them.
 *
 * Every write is atomic (a reader sees all of it or nothing) and safe to repeat. Every read verifies the digest.
 */
export interface ArtifactStore {
  putFile(path: string): Promise<ArtifactRef>;
  putBytes(bytes: Uint8Array): Promise<ArtifactRef>;
  /** Equal values give equal references: keys are written in sorted order. */
  putJson(value: unknown): Promise<ArtifactRef>;
  /**
   * @returns path of a verified, read-only local file with the content; valid until the activity has ended that asks for it, elsewhere until the process ends
   * @throws AnnealError `ArtifactCorrupt` when it is missing or its content does not match
   */
  localPath(ref: ArtifactRef): Promise<string>;
  /** The same without a check of its own: for a caller who hashes what it copies from there, and asks `localPath` what is wrong otherwise. */
  unverifiedPath(ref: ArtifactRef): Promise<string>;
  readBytes(ref: ArtifactRef): Promise<Uint8Array>;
  readJson<T>(ref: ArtifactRef): Promise<T>;
  /** Point `name` (segments of letters, digits, `.`, `_`, `-`, separated by `/`) at an artifact; atomic, last writer wins. */
  setPointer(name: string, ref: ArtifactRef): Promise<void>;
  getPointer(name: string): Promise<ArtifactRef | undefined>;
  /** @returns names of the pointers right below `<folder>/`, sorted; none when there is no such folder */
  listPointers(folder: string): Promise<readonly string[]>;
  /** Remove bytes that nothing refers to any more (a superseded checkpoint). Removing twice is not an error. */
  remove(ref: ArtifactRef): Promise<void>;
}
