import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { failureTypes } from '../contracts/failures.js';
import { FaultyProxy } from '../testing/faulty-proxy.js';
import { openRemoteFiles } from './open-remote-files.js';
import { S3Fixture } from './s3-fixture.js';
import { S3RemoteFiles } from './s3-remote-files.js';

describe('S3RemoteFiles', () => {
  let fixture: S3Fixture;

  beforeEach(async () => {
    fixture = await S3Fixture.open();
  });

  afterEach(() => fixture.dispose());

  const remote = (endpoint = fixture.endpoint) => openRemoteFiles({ endpoint });
  const uri = (key: string) => `s3://${fixture.bucket}/${key}`;
  const at = (name: string) => join(fixture.root, name);

  test('lists what begins with a prefix in the order of the names, with sizes and tags that change with the content', async () => {
    for (const key of ['data/b.csv', 'data/a.csv', 'data/2024/ä ?*.csv', 'data-old/c.csv']) await fixture.put(key, key);
    const files = await remote().list(uri('data/'));
    expect(files.map((file) => file.uri)).toEqual([uri('data/2024/ä ?*.csv'), uri('data/a.csv'), uri('data/b.csv')]);
    expect(files[1].sizeBytes).toBe(10);
    await fixture.put('data/a.csv', 'something');
    const [again] = await remote().list(uri('data/a.csv'));
    expect(again.etag).not.toBe(files[1].etag);
    expect(await remote().list(uri('nothing/'))).toEqual([]);
  });

  test('lists more objects than one page has', async () => {
    const keys = Array.from({ length: 11 }, (_, i) => `many/${String(i).padStart(2, '0')}`);
    for (const key of keys) await fixture.put(key, '');
    const inPages = new S3RemoteFiles(fixture.client, 4);
    expect((await inPages.list(uri('many/'))).map((file) => file.uri)).toEqual(keys.map(uri));
  });

  test('fetches a file whose name has every kind of character, empty ones too', async () => {
    await fixture.put('a b/ä%20?*#+.csv', 'x,y\n');
    await fixture.put('empty', '');
    await remote().fetch(uri('a b/ä%20?*#+.csv'), at('out'));
    expect(await readFile(at('out'), 'utf8')).toBe('x,y\n');
    await remote().fetch(uri('empty'), at('out'));
    expect(await readFile(at('out'))).toHaveLength(0);
  });

  test('goes on where a transfer broke off', async () => {
    const bytes = randomBytes(2_000_000);
    await fixture.put('large', bytes);
    const proxy = await FaultyProxy.open(fixture.endpoint);
    try {
      proxy.fault = () => (proxy.requests.length <= 2 ? { kind: 'reset', afterBytes: 600_000 } : { kind: 'none' });
      await remote(proxy.endpoint).fetch(uri('large'), at('out'));
      expect(Buffer.compare(await readFile(at('out')), bytes)).toBe(0);
      expect(proxy.requests.length).toBe(3);
    } finally {
      await proxy.close();
    }
  });

  test('does not put two versions of an object together', async () => {
    await fixture.put('changing', randomBytes(2_000_000));
    const proxy = await FaultyProxy.open(fixture.endpoint);
    try {
      proxy.fault = async ({ headers }) => {
        if (headers.range === undefined) return { kind: 'reset', afterBytes: 600_000 };
        await fixture.put('changing', randomBytes(2_000_000));
        return { kind: 'none' };
      };
      await expect(remote(proxy.endpoint).fetch(uri('changing'), at('out'))).rejects.toThrow(/was replaced while it was read/);
    } finally {
      await proxy.close();
    }
  });

  test('stops when it is told to', async () => {
    await fixture.put('large', randomBytes(2_000_000));
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(remote().fetch(uri('large'), at('out'), stop.signal)).rejects.toThrow();
    await expect(remote().list(uri('large'), stop.signal)).rejects.toThrow('enough');
  });

  test.each([
    ['s3://no-such-bucket-anywhere/a', /there is no such bucket/],
    ['s3://x', /does not name a bucket/],
    ['https://example.com/a', /does not name a bucket/],
  ])('refuses %s for good', async (place, message) => {
    const refused = { type: failureTypes.sourceUnavailable, message: expect.stringMatching(message) as unknown };
    await expect(remote().list(place)).rejects.toMatchObject(refused);
    await expect(remote().fetch(place, at('out'))).rejects.toMatchObject(refused);
  });

  test('says that a file is not there, and that the service is away', async () => {
    await expect(remote().fetch(uri('nothing'), at('out'))).rejects.toMatchObject({
      type: failureTypes.sourceUnavailable,
      message: expect.stringContaining('there is no such object') as unknown,
    });
    await expect(remote('http://127.0.0.1:1').list(uri('a'))).rejects.toMatchObject({
      name: 'Error',
      message: expect.stringContaining('cannot be reached') as unknown,
    });
  });
});
