import { statfs } from 'node:fs/promises';
import { AnnealError } from '../contracts/failures.js';
import { firstLine } from './first-line.js';

/** A folder that something is written to, for whoever has to make room. */
export interface WrittenFolder {
  readonly path: string;
  /** In the middle of a sentence: "the artifact store". */
  readonly name: string;
  /** How it comes to lie on another disk: "point ANNEAL_ARTIFACTS at a larger disk". */
  readonly elsewhere: string;
}

/** What is said of a full disk beside its folder. */
export interface DiskFullFacts {
  readonly folder?: WrittenFolder;
  /** A sentence: how much room is wanted. */
  readonly needs?: string;
  /** A sentence: how what was begun goes on. */
  readonly resume?: string;
}

/** Not an `AnnealError`: another attempt succeeds as soon as somebody has made room. */
export class DiskFullError extends Error {
  constructor(
    message: string,
    readonly facts: DiskFullFacts,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Of the system, of Node.js and of DuckDB; by their words, since an error of a child process comes as text. */
const fullWords = /\b(ENOSPC|EDQUOT|EFBIG)\b|No space left on device|Disk quota exceeded|File too large$|failed to offload data block/i;

/** Whether a disk, a quota or the limit of a file's size is why something could not be written. Pure. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof DiskFullError || (!(error instanceof AnnealError) && fullWords.test(firstLine(error)));
}

/** Memory that DuckDB could not put aside: it does not name the file. */
export function isOverflow(error: unknown): boolean {
  return /failed to offload/i.test(firstLine(error));
}

/** @returns bytes that may still be written where a folder or file lies; undefined where the system does not tell */
export async function freeBytesAt(path: string): Promise<number | undefined> {
  const found = await statfs(path).catch(() => undefined);
  return found && found.bavail * found.bsize;
}
