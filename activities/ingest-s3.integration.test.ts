import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { openRemoteFiles } from '../stores/open-remote-files.js';
import { S3Fixture } from '../stores/s3-fixture.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';

let s3: S3Fixture;
let fixture: IngestFixture;
beforeAll(async () => {
  s3 = await S3Fixture.open();
});
afterAll(() => s3.dispose());
beforeEach(() => {
  fixture = new IngestFixture();
  fixture.remote = openRemoteFiles({ endpoint: s3.endpoint });
});
afterEach(() => fixture.dispose());

const uri = (key: string) => `s3://${s3.bucket}/${key}`;

describe('ingestSource from S3', () => {
  it('reads the files that match a pattern, and fetches a file again only when it has changed', async () => {
    await s3.put('tables/2024/a.csv', 'x,y\n1,one\n');
    await s3.put('tables/2025/b.csv', 'x,y\n2,two\n');
    await s3.put('tables/2025/notes.txt', 'left out');
    const source = { format: 'csv', uri: uri('tables/**/*.csv') } as const;
    const first = await fixture.ingest(source);
    expect(first).toMatchObject({ rows: 2, reused: false });
    expect(await fixture.ingest(source)).toEqual({ ...first, reused: true });
    await s3.put('tables/2025/b.csv', 'x,y\n3,three\n4,four\n');
    expect(await fixture.ingest(source)).toMatchObject({ rows: 3, reused: false });
    expect(fixture.leftovers()).toEqual([]);
  });

  it('decodes images, their folders for labels', async () => {
    const png = (grey: number) =>
      sharp({ create: { width: 3, height: 3, channels: 3, background: { r: grey, g: grey, b: grey } } })
        .png()
        .toBuffer();
    await s3.put('faces/happy/a b.png', await png(1));
    await s3.put('faces/sad/c.png', await png(2));
    await s3.put('faces/sad/d.png', 'broken');
    const source = { format: 'images', uri: uri('faces/'), height: 1, width: 2, channels: 1, fit: 'fill' } as const;
    const snapshot = await fixture.ingest(source);
    expect(await fixture.rows(await fixture.part(snapshot), 'SELECT path, label, hex(image) AS image, problem FROM data')).toEqual([
      { path: 'happy/a b.png', label: 'happy', image: '0101', problem: null },
      { path: 'sad/c.png', label: 'sad', image: '0202', problem: null },
      { path: 'sad/d.png', label: 'sad', image: null, problem: 'not a PNG, JPEG, WebP or GIF file' },
    ]);
    expect(await fixture.ingest(source)).toEqual({ ...snapshot, reused: true });
    expect(fixture.leftovers()).toEqual([]);
  });

  it('says which bucket is missing', async () => {
    const failure = await failureOf(fixture.ingest({ format: 'csv', uri: 's3://no-such-bucket-anywhere/a.csv' }));
    expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
    expect(failure.message).toMatch(/s3:\/\/no-such-bucket-anywhere\/a\.csv.*there is no such bucket/);
  });
});
