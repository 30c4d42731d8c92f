import { randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BatchPlace, FileDigest, PlacedFile } from '../../contracts/batch-place.js';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { makeFolder } from '../make-folder.js';
import { syncPath } from '../sync-path.js';
import { hiddenFolder } from './batch-folder.js';
import { fileDigest } from './file-digest.js';

/** A folder that all data workers see. A file gets its name by a rename when it is whole and synced. */
export class LocalBatchPlace implements BatchPlace {
  constructor(readonly uri: string) {}

  pathOf(name: string): string {
    return join(this.uri, ...name.split('/'));
  }

  async entries(): Promise<readonly string[]> {
    return readdir(this.uri).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.#unusable(error);
    });
  }

  async read(name: string): Promise<string | undefined> {
    return readFile(this.pathOf(name), 'utf8').catch((error: unknown) => {
      if (isAbsent(error)) return undefined;
      throw this.#unusable(error);
    });
  }

  async create(name: string, text: string): Promise<void> {
    const path = this.pathOf(name);
    try {
      await makeFolder(dirname(path));
      const temporary = join(dirname(path), `.${randomUUID()}`);
      await writeSynced(temporary, text);
      try {
        await link(temporary, path);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      } finally {
        await rm(temporary, { force: true });
      }
    } catch (error) {
      throw this.#unusable(error);
    }
  }

  async replace(name: string, text: string): Promise<void> {
    const path = this.pathOf(name);
    for (const directory of [dirname(path), join(this.uri, hiddenFolder)]) await makeFolder(directory);
    // Not beside it: nobody who looks at the folder meanwhile is to see anything but its files.
    const temporary = join(this.uri, hiddenFolder, `.${randomUUID()}`);
    try {
      await writeSynced(temporary, text);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncPath(dirname(path));
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
  }

  async sizeOf(name: string): Promise<number | undefined> {
    return (await stat(this.pathOf(name)).catch(() => undefined))?.size;
  }

  async digestOf(name: string, signal?: AbortSignal): Promise<FileDigest | undefined> {
    return fileDigest(this.pathOf(name), signal).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
  }

  async take(files: readonly PlacedFile[]): Promise<void> {
    for (const { path } of files) await syncPath(path);
    for (const { path, name } of files) {
      const target = this.pathOf(name);
      await makeFolder(dirname(target));
      await rename(path, target);
      await syncPath(dirname(target));
    }
    await syncPath(this.uri);
  }

  /** On the same disk, so that a rename moves its files. */
  async withTemporaryDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
    const directory = join(this.uri, hiddenFolder, 'tmp', randomUUID());
    await makeFolder(directory);
    try {
      return await work(directory);
    } finally {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  async finish(): Promise<void> {
    await rm(join(this.uri, hiddenFolder, 'tmp'), { recursive: true, force: true, maxRetries: 3 });
  }

  /** Rights, a read-only disk, a file in the way: nothing that another attempt mends; a full disk may be. */
  #unusable(error: unknown): unknown {
    const reason = reasons[codeOf(error)];
    if (reason === undefined) return error;
    return new AnnealError(
      failureTypes.invalidRequest,
      `The output folder ${this.uri} cannot be used: ${reason} (${codeOf(error)}). Name a folder that the data workers may write to (--output).`,
      undefined,
      { cause: error },
    );
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'the data worker may not write there',
  EPERM: 'the data worker may not write there',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a file is in its place',
  ENOENT: 'it cannot be made there',
};

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

function isAbsent(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}
