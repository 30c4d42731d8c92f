/** A place in S3. */
export interface S3Location {
  readonly bucket: string;
  /** Key or beginning of keys, without a `/` in front; empty: the whole bucket. */
  readonly key: string;
}

/** @returns undefined when it is no `s3://<bucket>[/<key>]`; a key is taken as it stands, nothing in it is percent-encoded */
export function parseS3Uri(uri: string): S3Location | undefined {
  const match = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(uri);
  return match ? { bucket: match[1], key: match[2] ?? '' } : undefined;
}

export function s3Uri({ bucket, key }: S3Location): string {
  return `s3://${bucket}/${key}`;
}
