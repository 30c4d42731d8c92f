import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { RemoteFiles } from '../contracts/remote-files.js';
import { draftPipeline, type DraftedPipeline } from '../ml/data/init/draft-pipeline.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';

const root = mkdtempSync(join(tmpdir(), 'anneal-places-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const table = (delimiter: string, rows = 60): string =>
  `a${delimiter}y\n${Array.from({ length: rows }, (_, i) => `${(i * 37) % 101}${delimiter}${i % 3 === 0 ? 'yes' : 'no'}`).join('\n')}\n`;

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function draft(places: string | string[], target?: string, remote?: RemoteFiles): Promise<DraftedPipeline> {
  const storeAt = (directory: string) => new FileArtifactStore(directory);
  return draftPipeline({ name: 'made', places: [places].flat(), target }, root, root, storeAt, (uri) => uri, remote);
}

describe('draftPipeline of places', () => {
  beforeAll(async () => {
    for (const file of ['mixed/b.csv', 'mixed/deep/c.csv', 'nameless/part-0', 'nameless/part-1', 'part [1]/a.csv']) write(file, table(';'));
    write('mixed/README.md', 'no data');
    write('tabs/a.tsv', table('\t'));
    for (const year of [2020, 2021])
      write(
        `hive/year=${year}/x.json`,
        JSON.stringify(Array.from({ length: 40 }, (_, i) => ({ a: (i * 7) % 23, y: (i * i + year) % 3 > 0 }))),
      );
    for (let i = 0; i < 40; i++) {
      const grey = (i * 41) % 256;
      const image = sharp({ create: { width: 100, height: 50, channels: 3, background: { r: grey, g: 0, b: 0 } } });
      const bytes = await image.png().toBuffer();
      write(`photos/${i % 2 ? 'cat' : 'dog'}/${i}.png`, bytes);
      write(`parts/${i % 5 ? 'train' : 'test'}/${i % 2 ? 'cat' : 'dog'}/${i}.png`, bytes);
    }
    write('photos/cat/broken.png', 'no image');
  });

  it('reads the files of a folder of which there is most, and sniffs one of them', async () => {
    const { definition, rows, remarks } = await draft('mixed', 'y');
    expect(definition.source).toEqual({ format: 'csv', uri: 'mixed', delimiter: ';' });
    expect(rows).toBe(120);
    expect(remarks.get('source')).toBe('Of the folder’s 3 files the 2 of format csv are read, and not "README.md".');
  });

  it('tells the format by the content where no name does', async () => {
    const { definition, rows } = await draft('nameless/', 'y');
    expect(definition.source).toEqual({ format: 'csv', uri: 'nameless/**/*', delimiter: ';' });
    expect(rows).toBe(120);
  });

  it('takes the folders of a partitioned set for columns', async () => {
    const { definition } = await draft('hive', 'y');
    expect(definition.source).toEqual({ format: 'json', uri: 'hive' });
    expect(definition.columns).toMatchObject({ a: { type: 'integer' }, year: { type: 'integer' } });
  });

  it('reads patterns and several places of one format, and refuses several formats', async () => {
    expect((await draft('mixed/**/*.csv', 'y')).rows).toBe(120);
    expect((await draft('part [1]', 'y')).rows).toBe(60);
    const several = await draft(['mixed/b.csv', 'mixed/deep'], 'y');
    expect(several).toMatchObject({ rows: 120, definition: { source: { uri: ['mixed/b.csv', 'mixed/deep'] } } });
    await expect(draft(['mixed', 'tabs'], 'y')).rejects.toThrow(/"tabs" cannot be used: it holds tsv, and "mixed" holds csv/);
  });

  it('makes a network of images, whose folders are the classes, at a size that they can be learned at', async () => {
    const { definition, anomalies, remarks, notes } = await draft('photos');
    expect(definition).toMatchObject({
      source: { format: 'images', uri: 'photos', height: 32, width: 64, channels: 3 },
      columns: { image: { type: 'image', height: 32, width: 64, channels: 3 } },
      target: { task: 'binary', expression: `"label" = 'dog'`, classes: ['cat', 'dog'] },
      model: { family: 'cnn', filters: [16, 32, 64] },
      expectations: { maxQuarantined: expect.any(Number) },
    });
    expect(notes).toEqual([expect.stringMatching(/^1 image cannot be used: .*cat\/broken\.png \(/)]);
    expect(remarks.get('source')).toMatch(/100 × 50, coloured; they are brought to 64 × 32/);
    expect(anomalies.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('says which folder holds the classes where the first ones are the parts of a split', async () => {
    await expect(draft('parts')).rejects.toThrow(/divided into test, train.*for example parts\/train/);
  });

  it('reads a folder in S3', async () => {
    const remote: RemoteFiles = {
      list: async (uri) =>
        ['s3://b/k/x.csv', 's3://b/k/y.csv']
          .filter((file) => file.startsWith(uri))
          .map((file) => ({ uri: file, sizeBytes: 500, etag: file })),
      fetch: async (_, path) => writeFileSync(path, table(';')),
    };
    const { definition, rows } = await draft('s3://b/k', 'y', remote);
    expect(definition.source).toEqual({ format: 'csv', uri: 's3://b/k', delimiter: ';' });
    expect(rows).toBe(120);
  });

  it('names the columns when none is said to be the target', async () => {
    await expect(draft('mixed')).rejects.toThrow(/by --target\. The columns are a, y/);
  });
});
