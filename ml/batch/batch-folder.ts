import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson } from '../../contracts/canonical-json.js';
import type { BatchFormat, BatchIdentity, BatchPart, BatchRequest, PlannedBatch, Rejects } from '../../contracts/batch.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { syncDirectory } from '../sync-directory.js';

/** What a job notes of itself in its folder: enough to go on, whatever became of its workflow. */
export interface BatchClaim {
  readonly formatVersion: 1;
  readonly job: string;
  readonly identity: BatchIdentity;
  readonly planned: PlannedBatch;
}

/** What is told of a part beside its files. */
export interface PartFacts extends Pick<BatchPart, 'rows' | 'durationMs' | 'inputSha256'> {
  readonly rejected: number;
  readonly reasons: Rejects;
}

const hidden = '.anneal';
const temporaryAgeMs = 24 * 60 * 60 * 1000;

/**
 * The output folder of a job.
 *
 * `part-00000.parquet`, … are the predictions, `rejects/` the rows that could not be predicted, `manifest.json` says that
 * all is there. `.anneal/` holds the job's claim, a record for each finished part, and what is being written. A file gets
 * its name by a rename when it is whole and synced, and counts once its record is there: any number of attempts at a part,
 * also at once, leave one part.
 */
export class BatchFolder {
  constructor(
    readonly directory: string,
    private readonly format: BatchFormat,
  ) {}

  static of({ directory, format }: Pick<BatchRequest, 'directory' | 'format'>): BatchFolder {
    return new BatchFolder(directory, format);
  }

  get manifestPath(): string {
    return join(this.directory, 'manifest.json');
  }

  partName(partition: number): string {
    return `part-${String(partition).padStart(5, '0')}.${this.format}`;
  }

  rejectsName(partition: number): string {
    return `rejects/${this.partName(partition)}`;
  }

  path(name: string): string {
    return join(this.directory, ...name.split('/'));
  }

  /** A directory on the same disk for what is being written; make sure that it is removed. */
  async temporaryDirectory(): Promise<string> {
    const path = join(this.directory, hidden, 'tmp', randomUUID());
    await mkdir(path, { recursive: true });
    return path;
  }

  /** @returns undefined where no job has claimed the folder. @throws AnnealError `InvalidRequest` when it holds other files */
  async claim(): Promise<BatchClaim | undefined> {
    const claim = await readJson<BatchClaim>(join(this.directory, hidden, 'job.json')).catch((error: unknown) => {
      throw this.unusable(error);
    });
    if (claim) return claim;
    const others = await readdir(this.directory).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.unusable(error);
    });
    const foreign = others.filter((name) => name !== hidden);
    if (foreign.length === 0) return undefined;
    throw new AnnealError(
      failureTypes.invalidRequest,
      `The folder ${this.directory} cannot take the output of a batch job, since it holds other files ("${foreign[0]}"${foreign.length > 1 ? ` and ${foreign.length - 1} more` : ''}). Name a folder that is empty or not there yet (--output).`,
    );
  }

  /** Claim the folder. @returns the claim that holds, which is another one when somebody was faster */
  async setClaim(claim: BatchClaim): Promise<BatchClaim> {
    const path = join(this.directory, hidden, 'job.json');
    try {
      await mkdir(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `job-${randomUUID()}`);
      await writeSynced(temporary, canonicalJson(claim));
      try {
        await link(temporary, path);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      } finally {
        await rm(temporary, { force: true });
      }
    } catch (error) {
      throw this.unusable(error);
    }
    return (await readJson<BatchClaim>(path))!;
  }

  /** What an earlier attempt has finished, if its files are still there. */
  async finished(partition: number): Promise<BatchPart | undefined> {
    const part = await readJson<BatchPart>(this.#recordPath(partition));
    if (!part) return undefined;
    const sizes = await Promise.all(filesOf(part).map(async ({ name }) => (await stat(this.path(name)).catch(() => undefined))?.size));
    return filesOf(part).every(({ sizeBytes }, i) => sizes[i] === sizeBytes) ? part : undefined;
  }

  /**
   * Make files that are whole the part of a partition. Safe to repeat and to kill at any moment.
   *
   * @param files paths of the predictions and of the rejected rows, on the disk of the folder; those that are absent have no rows
   */
  async publish(partition: number, files: { readonly part?: string; readonly rejected?: string }, facts: PartFacts): Promise<BatchPart> {
    const part = files.part === undefined ? undefined : await digestOf(files.part, true);
    const rejected = files.rejected === undefined ? undefined : await digestOf(files.rejected, true);
    const record: BatchPart = {
      ...(part ? { name: this.partName(partition), sha256: part.sha256 } : {}),
      rows: facts.rows,
      sizeBytes: part?.sizeBytes ?? 0,
      ...(rejected ? { rejected: { name: this.rejectsName(partition), rows: facts.rejected, reasons: facts.reasons, ...rejected } } : {}),
      durationMs: facts.durationMs,
      ...(facts.inputSha256 === undefined ? {} : { inputSha256: facts.inputSha256 }),
    };
    if (files.part !== undefined) await rename(files.part, this.path(this.partName(partition)));
    if (files.rejected !== undefined) {
      const path = this.path(this.rejectsName(partition));
      await mkdir(dirname(path), { recursive: true });
      await rename(files.rejected, path);
      await syncDirectory(dirname(path));
    }
    await syncDirectory(this.directory);
    const path = this.#recordPath(partition);
    await mkdir(dirname(path), { recursive: true });
    await writeThenRename(path, canonicalJson(record));
    return record;
  }

  /** @returns the part when its files are as they were written; its record is removed when they are not, so that it is made again */
  async verified(partition: number, signal?: AbortSignal): Promise<BatchPart | undefined> {
    const part = await readJson<BatchPart>(this.#recordPath(partition));
    if (!part) return undefined;
    for (const file of filesOf(part)) {
      const found = await digestOf(this.path(file.name), false, signal).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      });
      if (found?.sha256 === file.sha256) continue;
      await rm(this.#recordPath(partition), { force: true });
      return undefined;
    }
    return part;
  }

  /** Written last: whoever sees it has all parts. */
  async writeManifest(manifest: unknown): Promise<void> {
    await rm(join(this.directory, hidden, 'tmp'), { recursive: true, force: true, maxRetries: 3 });
    await writeThenRename(this.manifestPath, `${JSON.stringify(manifest, undefined, 2)}\n`, join(this.directory, hidden));
    await syncDirectory(this.directory);
  }

  /** What attempts that were killed more than a day ago have left. */
  async removeLeftovers(): Promise<void> {
    const root = join(this.directory, hidden, 'tmp');
    for (const name of await readdir(root).catch(() => [])) {
      const found = await stat(join(root, name)).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > temporaryAgeMs) await rm(join(root, name), { recursive: true, force: true, maxRetries: 3 });
    }
  }

  #recordPath(partition: number): string {
    return join(this.directory, hidden, 'parts', `${this.partName(partition)}.json`);
  }

  /** Rights, a read-only disk, a file in the way: nothing that another attempt mends; a full disk may be. */
  private unusable(error: unknown): unknown {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST'].includes(codeOf(error))) return error;
    return new AnnealError(
      failureTypes.invalidRequest,
      `The output folder ${this.directory} cannot be used (${codeOf(error)}). Name a folder that the data workers may write to (--output).`,
      undefined,
      { cause: error },
    );
  }
}

interface PartFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

function filesOf({ name, sizeBytes, sha256, rejected }: BatchPart): PartFile[] {
  return [...(name === undefined || sha256 === undefined ? [] : [{ name, sizeBytes, sha256 }]), ...(rejected ? [rejected] : [])];
}

async function digestOf(path: string, sync: boolean, signal?: AbortSignal): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20, signal })) {
    hash.update(piece as Buffer);
    sizeBytes += (piece as Buffer).length;
  }
  if (sync) {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeThenRename(path: string, text: string, beside = dirname(path)): Promise<void> {
  const temporary = join(beside, `.${randomUUID()}`);
  try {
    await writeSynced(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** @returns undefined when there is no such file, or only a piece of one */
export async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}
