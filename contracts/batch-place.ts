export interface FileDigest {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A whole file on this machine, and the name that it gets in a place. */
export interface PlacedFile extends FileDigest {
  readonly path: string;
  readonly name: string;
}

/**
 * Where a batch job writes: a folder, or a prefix in S3. Names are relative and have `/` between their parts.
 *
 * No name shows anything but a whole file, whenever the process is killed; the last one to write a name wins. Everything is safe to
 * repeat. A place that cannot be used at all is an `AnnealError` of type `InvalidRequest`; what another attempt may mend is a plain
 * error.
 */
export interface BatchPlace {
  /** For people: the path of the folder, or `s3://…`. */
  readonly uri: string;
  /** For people, of a file in it. */
  pathOf(name: string): string;
  /** @returns the names at its top, of files and folders; some of them where there are many */
  entries(): Promise<readonly string[]>;
  /** @returns undefined when there is no such file */
  read(name: string): Promise<string | undefined>;
  /** Write a file unless there is one; of several that try at once, one succeeds, and none of them fails. */
  create(name: string, text: string): Promise<void>;
  replace(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** @returns undefined when there is no such file */
  sizeOf(name: string): Promise<number | undefined>;
  /** Read the whole file again. @returns undefined when there is no such file */
  digestOf(name: string, signal?: AbortSignal): Promise<FileDigest | undefined>;
  /** Take files in, for good: they are on the disk, or the service has them, when it returns. They are of no use afterwards. */
  take(files: readonly PlacedFile[]): Promise<void>;
  /** Run `work` with an empty local directory whose files `take` takes; removed afterwards. */
  withTemporaryDirectory<T>(work: (directory: string) => Promise<T>): Promise<T>;
  /** Nothing is written any more: remove what attempts that were killed have left. */
  finish(): Promise<void>;
}
