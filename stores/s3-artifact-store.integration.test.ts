import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { failureTypes } from '../contracts/failures.js';
import type { ArtifactRef } from '../contracts/reference.js';
import { FaultyProxy } from '../testing/faulty-proxy.js';
import { describeArtifactStore } from './artifact-store.conformance.js';
import { withArtifactsInUse } from './artifact-use.js';
import { createS3Client } from './s3-client.js';
import { S3Fixture } from './s3-fixture.js';

/** Two parts. */
const large = 17_000_001;

describeArtifactStore('S3ArtifactStore', async () => {
  const fixture = await S3Fixture.open();
  return {
    open: () => fixture.store(),
    damage: (ref, bytes) => fixture.damage(ref, bytes),
    dispose: () => fixture.dispose(),
  };
});

describe('S3ArtifactStore over its network', () => {
  let fixture: S3Fixture;
  let proxy: FaultyProxy;
  let client: S3Client;

  beforeEach(async () => {
    fixture = await S3Fixture.open();
    proxy = await FaultyProxy.open(fixture.endpoint);
    client = createS3Client({ endpoint: proxy.endpoint });
  });

  afterEach(async () => {
    client.destroy();
    await proxy.close();
    await fixture.dispose();
  });

  const gets = () => proxy.requests.filter(({ method, path }) => method === 'GET' && path.includes('/sha256/'));

  test('uploads a large file in parts, and gives it back whole', async () => {
    const path = join(fixture.root, 'large');
    const bytes = randomBytes(large);
    await writeFile(path, bytes);
    const ref = await fixture.store(client).putFile(path);
    expect(proxy.requests.filter(({ method, path: url }) => method === 'PUT' && url.includes('partNumber')).length).toBe(2);
    const stored = await fixture.client.send(new HeadObjectCommand({ Bucket: fixture.bucket, Key: fixture.key(ref) }));
    expect(stored.ContentLength).toBe(large);
    expect(Buffer.compare(await readFile(await fixture.store(client).localPath(ref)), bytes)).toBe(0);
  });

  test('does not upload again what the bucket has', async () => {
    const bytes = randomBytes(1000);
    await fixture.store().putBytes(bytes);
    await fixture.store(client).putBytes(bytes);
    expect(proxy.requests.map(({ method }) => method)).toEqual(['HEAD']);
  });

  test('downloads an artifact once, however often and by however many at once it is read', async () => {
    const ref = await fixture.store().putBytes(randomBytes(1000));
    const store = fixture.store(client);
    await Promise.all(Array.from({ length: 5 }, () => store.readBytes(ref)));
    await store.localPath(ref);
    expect(gets()).toHaveLength(1);
  });

  test('keeps its cache within a bound, fetches again what has gone, and spares what is in use', async () => {
    const store = fixture.store(client, fixture.bucket, { limitBytes: 2500, youngMs: 0 });
    const put = async (): Promise<ArtifactRef> => withArtifactsInUse(() => store.putBytes(randomBytes(1000)));
    const refs = [await put(), await put()];
    await withArtifactsInUse(async () => {
      const path = await store.localPath(refs[0]);
      refs.push(await put(), await put());
      expect((await readFile(path)).byteLength).toBe(1000);
    });
    expect(gets()).toHaveLength(0);
    for (const ref of refs) expect((await withArtifactsInUse(() => store.readBytes(ref))).byteLength).toBe(1000);
    expect(gets().length).toBeGreaterThan(1);
  });

  test('goes on where a download broke off', async () => {
    const bytes = randomBytes(3_000_000);
    const ref = await fixture.store().putBytes(bytes);
    const seen = () => gets().length;
    proxy.fault = (request) => (request.method === 'GET' && seen() <= 3 ? { kind: 'reset', afterBytes: 700_000 } : { kind: 'none' });
    expect(Buffer.compare(await fixture.store(client).readBytes(ref), bytes)).toBe(0);
    expect(gets().length).toBe(4);
    expect(gets()[0].range).toBeUndefined();
    expect(Number(/bytes=(\d+)-/.exec(gets()[3].range ?? '')?.[1])).toBeGreaterThan(0);
  });

  test('gives up a download that breaks off again and again, and keeps nothing of it', async () => {
    const ref = await fixture.store().putBytes(randomBytes(3_000_000));
    proxy.fault = ({ method }) => (method === 'GET' ? { kind: 'reset', afterBytes: 0 } : { kind: 'none' });
    const store = fixture.store(client);
    const broken = await store.readBytes(ref).catch((error: unknown) => error);
    expect(broken).toMatchObject({
      name: 'Error',
      message: expect.stringMatching(/could not read s3:\/\/.*(cannot be reached|request failed)/) as unknown,
    });
    proxy.fault = () => ({ kind: 'none' });
    expect((await store.readBytes(ref)).byteLength).toBe(3_000_000);
  });

  test('tries again when the service is overloaded', async () => {
    const failed = new Set<string>();
    proxy.fault = ({ method = '', url = '' }) => {
      const isFirst = !failed.has(method + url);
      failed.add(method + url);
      return isFirst ? { kind: 'status', status: 503 } : { kind: 'none' };
    };
    const store = fixture.store(client);
    const bytes = randomBytes(1000);
    const ref = await store.putBytes(bytes);
    await store.setPointer('a', ref);
    expect(await fixture.store(client).getPointer('a')).toEqual(ref);
    expect(Buffer.compare(await fixture.store(client).readBytes(ref), bytes)).toBe(0);
    await store.remove(ref);
    expect(failed.size).toBeGreaterThanOrEqual(5);
  });

  test('uploads the other parts once when one part fails for a moment', async () => {
    const path = join(fixture.root, 'large');
    const bytes = randomBytes(large);
    await writeFile(path, bytes);
    let failures = 0;
    proxy.fault = ({ url = '' }) => (url.includes('partNumber=2') && failures++ < 2 ? { kind: 'status', status: 500 } : { kind: 'none' });
    const ref = await fixture.store(client).putFile(path);
    expect(proxy.requests.filter(({ path: url }) => url.includes('partNumber=')).length).toBe(4);
    expect(Buffer.compare(await fixture.store().readBytes(ref), bytes)).toBe(0);
  });

  test('leaves no parts behind when an upload fails for good', async () => {
    const path = join(fixture.root, 'large');
    await writeFile(path, randomBytes(large));
    proxy.fault = ({ url = '' }) => (url.includes('partNumber=2') ? { kind: 'status', status: 400 } : { kind: 'none' });
    await expect(fixture.store(client).putFile(path)).rejects.toThrow(/could not write s3:/);
    const { Uploads = [] } = await fixture.client.send(new ListMultipartUploadsCommand({ Bucket: fixture.bucket }));
    expect(Uploads).toEqual([]);
  });

  test('reads what its cache holds without the network', async () => {
    const store = fixture.store(client);
    const ref = await store.putJson({ a: 1 });
    proxy.fault = () => ({ kind: 'status', status: 503 });
    expect(await store.readJson(ref)).toEqual({ a: 1 });
  });

  test('refuses a pointer that something else has written', async () => {
    await fixture.put(`${fixture.prefix}pointers/newest.json`, '{"uri":1}');
    await expect(fixture.store().getPointer('newest')).rejects.toMatchObject({ type: failureTypes.artifactCorrupt });
  });

  test('says that an object is gone, and where it looked', async () => {
    const ref = await fixture.store().putJson(1);
    await fixture.client.send(new DeleteObjectCommand({ Bucket: fixture.bucket, Key: fixture.key(ref) }));
    await expect(fixture.store().readBytes(ref)).rejects.toMatchObject({
      type: failureTypes.artifactCorrupt,
      message: expect.stringContaining(`there is no object s3://${fixture.bucket}/${fixture.key(ref)}`) as unknown,
    });
  });

  test('says that the copy on this machine is damaged where the object is gone as well', async () => {
    const store = fixture.store();
    const ref = await store.putJson(1);
    const path = await store.localPath(ref);
    await rm(path);
    await writeFile(path, 'damaged');
    await fixture.client.send(new DeleteObjectCommand({ Bucket: fixture.bucket, Key: fixture.key(ref) }));
    await expect(store.readBytes(ref)).rejects.toMatchObject({
      type: failureTypes.artifactCorrupt,
      message: expect.stringMatching(/there is no object s3:.* on this machine is damaged: the file \S+ has 7 bytes/) as unknown,
    });
  });

  test('says that the bucket is missing', async () => {
    const store = fixture.store(fixture.client, 'no-such-bucket-anywhere');
    await expect(store.putJson(1)).rejects.toThrow(/could not write s3:\/\/no-such-bucket-anywhere\/.*there is no such bucket/);
    await expect(store.getPointer('a')).rejects.toThrow(/there is no such bucket/);
  });

  test('says that the service cannot be reached', async () => {
    const away = createS3Client({ endpoint: 'http://127.0.0.1:1' });
    await expect(fixture.store(away).putJson(1)).rejects.toThrow(/cannot be reached.*ECONNREFUSED/);
  });

  test('says that there are no credentials', async () => {
    const denied = (Code: string, status: number) => () =>
      Promise.reject(Object.assign(new Error(Code), { name: Code, $metadata: { httpStatusCode: status } }));
    const without = new S3Client({
      endpoint: fixture.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: denied('CredentialsProviderError', 0),
    });
    await expect(fixture.store(without).putJson(1)).rejects.toThrow(/there are no credentials. Set AWS_ACCESS_KEY_ID/);
  });

  test('says that access is denied', async () => {
    proxy.fault = () => ({ kind: 'status', status: 403 });
    await expect(fixture.store(client).putJson(1)).rejects.toThrow(/access was denied/);
  });
});
