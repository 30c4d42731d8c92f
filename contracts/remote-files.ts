/** A file of a remote place as its listing shows it. */
export interface RemoteFile {
  /** `s3://bucket/key`, as `fetch` takes it. */
  readonly uri: string;
  readonly sizeBytes: number;
  /** Changes when the content does; absent where the place has none. */
  readonly etag?: string;
}

/**
 * Files that lie outside of this machine and are read as sources (`s3://…`).
 *
 * Both calls are read-only and safe to repeat. Failures that another attempt may mend (network, throttling) are plain
 * errors; a place that does not exist or may not be read is an `AnnealError` of type `SourceUnavailable`.
 */
export interface RemoteFiles {
  /**
   * Everything below a prefix, however many pages the listing has.
   *
   * @param uri `s3://bucket/key` or `s3://bucket/prefix/`; taken literally, every key that begins with it is listed
   * @returns in the order of the uris; empty when there is nothing
   */
  list(uri: string, signal?: AbortSignal): Promise<readonly RemoteFile[]>;
  /**
   * Write one file's content to a local path, streamed.
   *
   * @param uri as `list` gave it
   * @param path absolute; replaced when it is there, and of no use when the call has failed
   */
  fetch(uri: string, path: string, signal?: AbortSignal): Promise<void>;
}
