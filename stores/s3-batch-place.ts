import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { BatchPlace, FileDigest, PlacedFile } from '../contracts/batch-place.js';
import { AnnealError, failureTypes } from '../contracts/failures.js';
import { streamDigest } from '../ml/batch/file-digest.js';
import { withScratchDirectory } from '../ml/scratch-directory.js';
import { explainS3Failure, s3FailureKind, type S3FailureKind } from './s3-failure.js';
import { s3ObjectChunks } from './s3-object-chunks.js';
import { uploadToS3 } from './s3-upload.js';
import { parseS3Uri, s3Uri, type S3Location } from './s3-uri.js';

/** Another attempt finds the same, until somebody changes the request or the rights. */
const permanent: ReadonlySet<S3FailureKind> = new Set(['noBucket', 'denied', 'noCredentials', 'noRegion']);
const preconditionFailed = 412;
const notImplemented = 501;

/**
 * A prefix in a bucket of S3, or of a service that speaks its protocol, as the output of batch jobs. An object is seen once it is whole;
 * `create` is a conditional write, which AWS, MinIO and others have.
 */
export class S3BatchPlace implements BatchPlace {
  readonly uri: string;
  readonly #location: S3Location;

  /**
   * @param uri `s3://<bucket>[/<prefix>]`
   * @param scratchRoot where files lie until they are uploaded
   * @throws AnnealError `InvalidRequest` when it names no bucket
   */
  constructor(
    uri: string,
    private readonly client: S3Client,
    private readonly scratchRoot: string,
  ) {
    this.uri = uri.replace(/\/+$/, '');
    const location = parseS3Uri(this.uri);
    if (!location)
      throw new AnnealError(
        failureTypes.invalidRequest,
        `The output "${uri}" cannot be used: it does not name a bucket of S3. Write it as s3://<bucket>/<prefix> (--output).`,
      );
    this.#location = location;
  }

  pathOf(name: string): string {
    return `${this.uri}/${name}`;
  }

  async entries(): Promise<readonly string[]> {
    const { Bucket, Key: Prefix } = this.#target('');
    const { Contents = [], CommonPrefixes = [] } = await this.#try('list', () =>
      this.client.send(new ListObjectsV2Command({ Bucket, Prefix, Delimiter: '/' })),
    );
    const names = [...Contents.map(({ Key = '' }) => Key), ...CommonPrefixes.map(({ Prefix: below = '' }) => below)];
    // Some tools mark a folder by an object of its name.
    return names.map((key) => key.slice(Prefix.length).replace(/\/$/, '')).filter((name) => name !== '');
  }

  async read(name: string): Promise<string | undefined> {
    const object = await this.#find('read', () => this.client.send(new GetObjectCommand(this.#target(name))));
    return object?.Body?.transformToString();
  }

  async create(name: string, text: string): Promise<void> {
    const request = { ...this.#target(name), Body: text, ContentType: 'application/json' };
    try {
      await this.client.send(new PutObjectCommand({ ...request, IfNoneMatch: '*' }));
    } catch (error) {
      const status = (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === preconditionFailed) return;
      if (status !== notImplemented) throw this.#failure('write', error);
      // A service without conditional writes: two jobs that begin at the same moment are told apart by nobody.
      if ((await this.sizeOf(name)) === undefined) await this.replace(name, text);
    }
  }

  async replace(name: string, text: string): Promise<void> {
    const request = { ...this.#target(name), Body: text, ContentType: 'application/json' };
    await this.#try('write', () => this.client.send(new PutObjectCommand(request)));
  }

  async remove(name: string): Promise<void> {
    await this.#try('remove', () => this.client.send(new DeleteObjectCommand(this.#target(name))));
  }

  async sizeOf(name: string): Promise<number | undefined> {
    return (await this.#find('read', () => this.client.send(new HeadObjectCommand(this.#target(name)))))?.ContentLength;
  }

  digestOf(name: string, signal?: AbortSignal): Promise<FileDigest | undefined> {
    return this.#find('read', () => streamDigest(s3ObjectChunks(this.client, this.#at(name), signal)), signal);
  }

  async take(files: readonly PlacedFile[]): Promise<void> {
    for (const file of files) await this.#try('write', () => uploadToS3(this.client, this.#at(file.name), file.path, file));
  }

  withTemporaryDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
    return withScratchDirectory(this.scratchRoot, work);
  }

  async finish(): Promise<void> {
    // Nothing is written here before it is whole.
  }

  #at(name: string): S3Location {
    const { bucket, key } = this.#location;
    return { bucket, key: `${key === '' ? '' : `${key}/`}${name}` };
  }

  #target(name: string): { readonly Bucket: string; readonly Key: string } {
    const { bucket, key } = this.#at(name);
    return { Bucket: bucket, Key: key };
  }

  /** @returns undefined when there is no such object */
  async #find<T>(verb: Verb, work: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (s3FailureKind(error) === 'missing') return undefined;
      throw this.#failure(verb, error);
    }
  }

  async #try<T>(verb: Verb, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#failure(verb, error);
    }
  }

  #failure(verb: Verb, cause: unknown): Error {
    const message = `The output of the job in ${s3Uri(this.#location)} could not be ${pastForms[verb]}: ${explainS3Failure(cause)}`;
    if (permanent.has(s3FailureKind(cause))) return new AnnealError(failureTypes.invalidRequest, message, undefined, { cause });
    return new Error(message, { cause });
  }
}

type Verb = 'list' | 'read' | 'write' | 'remove';

const pastForms: Readonly<Record<Verb, string>> = { list: 'listed', read: 'read', write: 'written', remove: 'removed' };
