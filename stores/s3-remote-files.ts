import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { RemoteFile, RemoteFiles } from '../contracts/remote-files.js';
import { explainS3Failure, s3FailureKind, type S3FailureKind } from './s3-failure.js';
import { s3ObjectChunks } from './s3-object-chunks.js';
import { parseS3Uri, type S3Location, s3Uri } from './s3-uri.js';

/** Another attempt finds the same, until somebody changes the definition or the rights. */
const permanent: ReadonlySet<S3FailureKind> = new Set(['missing', 'noBucket', 'denied', 'noCredentials', 'noRegion']);

/** Objects of S3, or of a service that speaks its protocol, as sources. */
export class S3RemoteFiles implements RemoteFiles {
  readonly #client: S3Client;
  readonly #pageSize: number;

  /** @param pageSize objects in one answer of a listing, at most 1,000 */
  constructor(client: S3Client, pageSize = 1000) {
    this.#client = client;
    this.#pageSize = pageSize;
  }

  async list(uri: string, signal?: AbortSignal): Promise<readonly RemoteFile[]> {
    const { bucket, key } = locationOf(uri);
    const files: RemoteFile[] = [];
    try {
      const pages = paginateListObjectsV2(
        { client: this.#client, pageSize: this.#pageSize },
        { Bucket: bucket, Prefix: key },
        { abortSignal: signal },
      );
      for await (const { Contents = [] } of pages) {
        signal?.throwIfAborted();
        for (const { Key = '', Size = 0, ETag } of Contents) {
          files.push({ uri: s3Uri({ bucket, key: Key }), sizeBytes: Size, ...(ETag === undefined ? {} : { etag: ETag }) });
        }
      }
    } catch (error) {
      throw failure(uri, 'listed', error, signal);
    }
    return files.sort((a, b) => (a.uri < b.uri ? -1 : 1));
  }

  async fetch(uri: string, path: string, signal?: AbortSignal): Promise<void> {
    await pipeline(this.#content(uri, locationOf(uri), signal), createWriteStream(path), { signal });
  }

  async *#content(uri: string, location: S3Location, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* s3ObjectChunks(this.#client, location, signal);
    } catch (error) {
      throw failure(uri, 'read', error, signal);
    }
  }
}

function locationOf(uri: string): S3Location {
  const location = parseS3Uri(uri);
  if (location) return location;
  throw new AnnealError(
    failureTypes.sourceUnavailable,
    `The source ${JSON.stringify(uri)} cannot be used: it does not name a bucket of S3. Write it as s3://<bucket>/<key>; the name of a bucket has 3 to 63 small letters, digits, "-" and ".".`,
    { uri },
  );
}

function failure(uri: string, what: 'listed' | 'read', cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  const message = `The source "${uri}" cannot be ${what}: ${explainS3Failure(cause)}`;
  if (permanent.has(s3FailureKind(cause))) return new AnnealError(failureTypes.sourceUnavailable, message, { uri }, { cause });
  return new Error(message, { cause });
}
