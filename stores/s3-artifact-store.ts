import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { BoundedCache, type CacheBound } from './bounded-cache.js';
import type { CacheProblem, FileArtifactStore } from './file-artifact-store.js';
import { objectSegments } from './object-path.js';
import { decodePointer, encodePointer } from './pointer-content.js';
import { pointersIn, pointerSegments } from './pointer-name.js';
import { explainS3Failure, s3FailureKind } from './s3-failure.js';
import { s3ObjectChunks } from './s3-object-chunks.js';
import { uploadToS3 } from './s3-upload.js';
import { type S3Location, s3Uri } from './s3-uri.js';

type Verb = 'read' | 'write' | 'remove';

export interface S3ArtifactStoreOptions {
  readonly client: S3Client;
  readonly bucket: string;
  /** Beginning of all keys; empty or ending in `/`. */
  readonly prefix: string;
  /** Everything that is read or written passes through it; it may be deleted while no process uses it. */
  readonly cache: FileArtifactStore;
  /** How large the cache may grow. @default without end */
  readonly bound?: CacheBound;
}

/**
 * The artifact store in a bucket of S3, or of a service that speaks its protocol.
 *
 * Layout below the prefix as in `FileArtifactStore`: `sha256/ab/<hex>`, `pointers/<name>.json`. No key is seen before it is
 * written whole, and the last write wins: S3 promises both, so no conditional writes are needed, which not every service has. An
 * upload that was killed can leave parts behind, which a lifecycle rule of the bucket clears away (AbortIncompleteMultipartUpload).
 *
 * Failures of the service are plain errors of one paragraph, since another attempt succeeds once somebody has mended it.
 */
export class S3ArtifactStore implements ArtifactStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #cache: FileArtifactStore;
  readonly #bounded?: BoundedCache;
  readonly #fetching = new Map<string, Promise<void>>();

  constructor({ client, bucket, prefix, cache, bound }: S3ArtifactStoreOptions) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#cache = cache;
    this.#bounded = bound && new BoundedCache(cache.root, bound);
  }

  async putFile(path: string): Promise<ArtifactRef> {
    return this.#upload(await this.#cache.putFile(path));
  }

  async putBytes(bytes: Uint8Array): Promise<ArtifactRef> {
    return this.#upload(await this.#cache.putBytes(bytes));
  }

  async putJson(value: unknown): Promise<ArtifactRef> {
    return this.#upload(await this.#cache.putJson(value));
  }

  async localPath(ref: ArtifactRef): Promise<string> {
    await this.#fetch(ref);
    return this.#cache.localPath(ref);
  }

  async unverifiedPath(ref: ArtifactRef): Promise<string> {
    await this.#fetch(ref);
    return this.#cache.unverifiedPath(ref);
  }

  async readBytes(ref: ArtifactRef): Promise<Uint8Array> {
    await this.#fetch(ref);
    return this.#cache.readBytes(ref);
  }

  async readJson<T>(ref: ArtifactRef): Promise<T> {
    await this.#fetch(ref);
    return this.#cache.readJson<T>(ref);
  }

  async setPointer(name: string, ref: ArtifactRef): Promise<void> {
    const location = this.#pointer(name);
    await this.#try(location, 'write', () =>
      this.#client.send(new PutObjectCommand({ ...target(location), Body: encodePointer(ref), ContentType: 'application/json' })),
    );
  }

  async getPointer(name: string): Promise<ArtifactRef | undefined> {
    const location = this.#pointer(name);
    const text = await this.#try(location, 'read', async () => {
      const { Body } = await this.#client.send(new GetObjectCommand(target(location)));
      return Body?.transformToString();
    });
    return text === undefined ? undefined : decodePointer(name, s3Uri(location), text);
  }

  async listPointers(folder: string): Promise<readonly string[]> {
    const location = { bucket: this.#bucket, key: `${this.#prefix}pointers/${pointerSegments(folder).join('/')}/` };
    const listed = await this.#try(location, 'read', async () => {
      const names: string[] = [];
      const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: location.bucket, Prefix: location.key, Delimiter: '/' });
      for await (const { Contents = [] } of pages) for (const { Key = '' } of Contents) names.push(Key.slice(location.key.length));
      return names;
    });
    return pointersIn(folder, listed ?? []);
  }

  async remove(ref: ArtifactRef): Promise<void> {
    const location = this.#object(ref);
    await this.#try(location, 'remove', () => this.#client.send(new DeleteObjectCommand(target(location))));
    await this.#cache.remove(ref);
  }

  #object(ref: ArtifactRef): S3Location {
    return { bucket: this.#bucket, key: `${this.#prefix}${objectSegments(ref).join('/')}` };
  }

  #pointer(name: string): S3Location {
    return { bucket: this.#bucket, key: `${this.#prefix}pointers/${pointerSegments(name).join('/')}.json` };
  }

  /** @returns the same reference once the bucket has it */
  async #upload(ref: ArtifactRef): Promise<ArtifactRef> {
    await this.#bounded?.hold(ref);
    await this.#bounded?.added(ref.sizeBytes);
    const location = this.#object(ref);
    if (await this.#isStored(ref, location)) return ref;
    const path = await this.#cache.localPath(ref);
    await this.#try(location, 'write', () => uploadToS3(this.#client, location, path, ref));
    return ref;
  }

  /** Whoever overwrites an object by hand does not say that it still is what its name says. */
  async #isStored(ref: ArtifactRef, location: S3Location): Promise<boolean> {
    const found = await this.#try(location, 'read', () => this.#client.send(new HeadObjectCommand(target(location))));
    return found?.ContentLength === ref.sizeBytes && found.Metadata?.sha256 === ref.sha256;
  }

  /** Bring an artifact into the cache; the callers of one at the same time share the transfer. */
  async #fetch(ref: ArtifactRef): Promise<void> {
    const location = this.#object(ref);
    await this.#bounded?.hold(ref);
    const problem = await this.#cache.problemOf(ref);
    if (!problem) return;
    let running = this.#fetching.get(ref.sha256);
    if (!running) {
      running = this.#download(ref, location, problem).finally(() => this.#fetching.delete(ref.sha256));
      this.#fetching.set(ref.sha256, running);
    }
    await running;
  }

  /** @param problem why the cache cannot be read */
  async #download(ref: ArtifactRef, location: S3Location, { damage }: CacheProblem): Promise<void> {
    await this.#bounded?.added(ref.sizeBytes);
    try {
      await this.#cache.adopt(ref, this.#content(ref, location), s3Uri(location));
    } catch (error) {
      if (!damage || !(error instanceof Error)) throw error;
      const message = `${error.message} The copy on this machine is damaged: ${damage}.`;
      if (error instanceof AnnealError) throw new AnnealError(error.type, message, error.details, { cause: error });
      throw new Error(message, { cause: error });
    }
  }

  async *#content(ref: ArtifactRef, location: S3Location): AsyncGenerator<Uint8Array> {
    try {
      yield* s3ObjectChunks(this.#client, location);
    } catch (error) {
      throw s3FailureKind(error) === 'missing' ? missingArtifact(ref, location) : failure(location, 'read', error);
    }
  }

  /** @returns undefined when there is no such object */
  async #try<T>(location: S3Location, verb: Verb, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      // HEAD says the same of a bucket that is not there as of an object; the write that follows says which.
      if (verb !== 'write' && s3FailureKind(error) === 'missing') return undefined;
      throw failure(location, verb, error);
    }
  }
}

function target({ bucket, key }: S3Location): { readonly Bucket: string; readonly Key: string } {
  return { Bucket: bucket, Key: key };
}

function failure(location: S3Location, verb: Verb, cause: unknown): Error {
  return new Error(`The artifact store could not ${verb} ${s3Uri(location)}: ${explainS3Failure(cause)}`, { cause });
}

function missingArtifact(ref: ArtifactRef, location: S3Location): AnnealError {
  return new AnnealError(
    failureTypes.artifactCorrupt,
    `The artifact ${ref.uri} cannot be used: there is no object ${s3Uri(location)}; expected ${ref.sizeBytes} bytes with SHA-256 ${ref.sha256}. It was deleted, or this worker uses another artifact store than the one that wrote it: check ANNEAL_ARTIFACT_STORE.`,
    { uri: ref.uri },
  );
}
