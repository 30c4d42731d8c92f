import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ArtifactRef } from '../contracts/reference.js';
import { s3Endpoint } from '../testing/servers.js';
import type { CacheBound } from './bounded-cache.js';
import { FileArtifactStore } from './file-artifact-store.js';
import { objectSegments } from './object-path.js';
import { S3ArtifactStore } from './s3-artifact-store.js';
import { createS3Client } from './s3-client.js';

/** A bucket of its own in the S3 service of the test run, and clients of it. */
export class S3Fixture {
  readonly bucket = `anneal-${randomUUID()}`;
  readonly prefix = 'team/anneal/';
  readonly #caches: string[] = [];

  private constructor(
    readonly endpoint: string,
    readonly client: S3Client,
    readonly root: string,
  ) {}

  static async open(): Promise<S3Fixture> {
    // moto lets everybody in; another service has its keys in the environment.
    process.env.AWS_ACCESS_KEY_ID ??= 'test';
    process.env.AWS_SECRET_ACCESS_KEY ??= 'test';
    const endpoint = await s3Endpoint();
    const fixture = new S3Fixture(endpoint, createS3Client({ endpoint }), await mkdtemp(join(tmpdir(), 'anneal-s3-')));
    await fixture.client.send(new CreateBucketCommand({ Bucket: fixture.bucket }));
    return fixture;
  }

  /** A store as another machine would open it: nothing is in its cache. */
  store(client = this.client, bucket = this.bucket, bound?: CacheBound): S3ArtifactStore {
    const cache = join(this.root, `cache-${this.#caches.length}`);
    this.#caches.push(cache);
    return new S3ArtifactStore({ client, bucket, prefix: this.prefix, cache: new FileArtifactStore(cache), bound });
  }

  async put(key: string, bytes: Uint8Array | string): Promise<void> {
    await this.client.send(
      new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: typeof bytes === 'string' ? Buffer.from(bytes) : bytes }),
    );
  }

  key(ref: ArtifactRef): string {
    return `${this.prefix}${objectSegments(ref).join('/')}`;
  }

  /** Overwrite an artifact in the bucket and wherever it is cached. */
  async damage(ref: ArtifactRef, bytes: Uint8Array): Promise<void> {
    await this.put(this.key(ref), bytes);
    for (const cache of this.#caches) {
      const path = join(cache, ...objectSegments(ref));
      const isThere = await chmod(path, 0o644).then(
        () => true,
        () => false,
      );
      if (isThere) await writeFile(path, bytes);
    }
  }

  async dispose(): Promise<void> {
    this.client.destroy();
    await rm(this.root, { recursive: true, force: true });
  }
}
