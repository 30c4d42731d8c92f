import type { ArtifactStore } from '../../contracts/artifact-store.js';
import { AnnealError } from '../../contracts/failures.js';
import type { ArtifactRef } from '../../contracts/reference.js';
import type { RemoteFiles } from '../../contracts/remote-files.js';

/** What a stage is doing now. */
export interface DataProgress {
  readonly phase: string;
  /** Rows done, where they are counted. */
  readonly rows?: number;
  readonly totalRows?: number;
  /** Of the input, while it is read. */
  readonly readBytes?: number;
  readonly sizeBytes?: number;
}

/** What the stages of the data need from whoever runs them. */
export interface DataContext {
  readonly store: ArtifactStore;
  /** For files that are being written; best on the disk of the store. */
  readonly scratchRoot: string;
  /** Where `s3://` sources are read from; without it such a source is refused. */
  readonly remote?: RemoteFiles;
  /** Memory that the stage may take, in bytes. @default 1 GiB */
  readonly memoryLimitBytes?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DataProgress) => void;
}

/** @returns whether what a pointer leads to is there, whole and readable */
export function isReadable(
  context: DataContext,
  refs: readonly (Parameters<ArtifactStore['localPath']>[0] | undefined)[],
): Promise<boolean> {
  return Promise.all(refs.map(async (ref) => ref && context.store.localPath(ref))).then(
    () => true,
    () => false,
  );
}

/** @returns what a pointer to earlier work leads to; undefined when it is not there or does not hold a reference: the work is then done again */
export function earlierWork({ store }: DataContext, pointer: string): Promise<ArtifactRef | undefined> {
  return store.getPointer(pointer).catch((error: unknown) => {
    if (error instanceof AnnealError) return undefined;
    throw error;
  });
}
