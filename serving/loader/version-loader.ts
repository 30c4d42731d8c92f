import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Placement } from '../executors/placement.js';
import type { PreparedVersion } from './prepared-version.js';
import { LoaderLink } from './loader-link.js';
import { versionDigest, type VersionFiles } from './prepare-version.js';

/** Others do not wait longer for a version that takes long, or hangs: the next one gets a process of its own. */
const overtakenAfterMs = 10_000;
/** Processes that take long at a time; each may need as much memory as its model. */
const mostOvertaken = 2;

export interface LoaderOptions {
  /** Where versions execute on this host, unless their pipeline says something else. */
  readonly placement?: Placement;
  /** Milliseconds after which others do not wait for a version any longer. @default 10,000 */
  readonly overtakenAfterMs?: number;
}

/**
 * Prepares versions in a process of its own, which is started when there is something to prepare. Each version is prepared once
 * a host, whatever the number of serving processes, and stays until it is forgotten.
 */
export class VersionLoader {
  readonly #prepared = new Map<string, Promise<PreparedVersion>>();
  /** Still busy with a version that others have overtaken. */
  readonly #overtaken = new Set<LoaderLink>();
  #turn: Promise<unknown> = Promise.resolve();
  #link: LoaderLink | undefined;
  #closed = false;

  private constructor(
    private readonly directory: string,
    private readonly overtakenAfterMs: number,
    private readonly placement: Placement | undefined,
  ) {}

  /** @param directory for the images of this process alone */
  static async open(directory: string, options: LoaderOptions = {}): Promise<VersionLoader> {
    await mkdir(directory, { recursive: true });
    return new VersionLoader(directory, options.overtakenAfterMs ?? overtakenAfterMs, options.placement);
  }

  /** @throws AnnealError `LoadFailed`; a version that failed is tried anew the next time */
  prepare(files: VersionFiles): Promise<PreparedVersion> {
    const key = versionDigest(files);
    let preparing = this.#prepared.get(key);
    if (!preparing) {
      preparing = this.#request(files);
      this.#prepared.set(key, preparing);
      preparing.catch(() => this.#prepared.delete(key));
    }
    return preparing;
  }

  /** The image of these files is not as it was verified. */
  forget(files: VersionFiles): void {
    this.#prepared.delete(versionDigest(files));
  }

  /** Delete the images of all models but these: soon, where the loader runs, and before this returns, where it does not. */
  async keepOnly(modelDigests: ReadonlySet<string>): Promise<void> {
    for (const key of this.#prepared.keys()) if (!modelDigests.has(key.slice(0, key.indexOf(',')))) this.#prepared.delete(key);
    const names = await readdir(this.directory);
    const isImage = (name: string) => name.endsWith('.ort') || name.endsWith('.split');
    const unused = names.filter((name) => isImage(name) && !modelDigests.has(name.slice(0, name.indexOf('.'))));
    const paths = unused.map((name) => join(this.directory, name));
    if (paths.length === 0) return;
    // The system takes milliseconds of the processor to delete a large file: they come after the requests' there.
    if (this.#link?.isAlive) this.#link.remove(paths);
    else await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })));
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#overtaken) link.kill();
    this.#link?.end();
  }

  /** One after the other, so that a version which ends the process takes no other along. */
  #request(files: VersionFiles): Promise<PreparedVersion> {
    let begun = (): void => undefined;
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    const result = this.#turn.then(() => {
      const prepared = this.#begin(files);
      begun();
      return prepared;
    });
    const ended = result.catch(() => undefined);
    this.#turn = Promise.race([ended, beginning.then(() => sleep(this.overtakenAfterMs, undefined, { ref: false }))]).then(() =>
      this.#overtaken.size < mostOvertaken ? undefined : ended,
    );
    return result;
  }

  async #begin(files: VersionFiles): Promise<PreparedVersion> {
    if (this.#closed) throw new Error('The host is stopping.');
    if (this.#link?.isBusy) {
      this.#overtaken.add(this.#link);
      this.#link.end();
      this.#link = undefined;
    }
    if (!this.#link?.isAlive) this.#link = new LoaderLink();
    const link = this.#link;
    try {
      return await link.prepare(files, this.directory, this.placement);
    } finally {
      this.#overtaken.delete(link);
    }
  }
}
