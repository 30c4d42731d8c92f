import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { PreparedManifest, SnapshotManifest, ValidationReport } from '../contracts/dataset.js';
import { definePipeline, type PipelineInput } from '../contracts/pipeline.js';
import { dataSpec } from '../contracts/pipeline/data.js';
import { ingestPlan } from '../ml/data/ingest/ingest-source.js';
import { planIngestion } from '../ml/data/ingest/plan-ingestion.js';
import { DataFixture } from './data-fixture.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';

let fixture: IngestFixture;
beforeEach(() => {
  fixture = new IngestFixture();
});
afterEach(() => fixture.dispose());

const images = (uri: string) => ({ format: 'images', uri, height: 2, width: 2, channels: 1, fit: 'fill' }) as const;
const query = 'SELECT path, label, hex(image) AS image, problem FROM data';

async function put(path: string, grey: number): Promise<void> {
  const bytes = await sharp({ create: { width: 5, height: 4, channels: 3, background: { r: grey, g: grey, b: grey } } })
    .png()
    .toBuffer();
  fixture.write(path, bytes);
}

describe('ingestSource of images', () => {
  it('takes the folders for labels, and what cannot be read for rows with a problem', async () => {
    await put('faces/happy/b.png', 2);
    await put('faces/happy/a.PNG', 1);
    await put('faces/sad/2024/c.png', 3);
    await put('faces/loose.png', 4);
    fixture.write('faces/sad/empty.jpg', '');
    fixture.write('faces/sad/broken.jpg', 'no image');
    fixture.write('faces/notes.txt', 'left out');
    const snapshot = await fixture.ingest(images('faces/'));
    expect(await fixture.rows(await fixture.part(snapshot), query)).toEqual([
      { path: 'happy/a.PNG', label: 'happy', image: '01010101', problem: null },
      { path: 'happy/b.png', label: 'happy', image: '02020202', problem: null },
      { path: 'loose.png', label: null, image: '04040404', problem: null },
      { path: 'sad/2024/c.png', label: 'sad', image: '03030303', problem: null },
      { path: 'sad/broken.jpg', label: 'sad', image: null, problem: 'not a PNG, JPEG, WebP or GIF file' },
      { path: 'sad/empty.jpg', label: 'sad', image: null, problem: 'the file is empty' },
    ]);
    expect(await fixture.store.readJson<SnapshotManifest>(snapshot.manifest)).toMatchObject({
      rows: 6,
      typing: 'strong',
      columns: [
        { name: 'path', type: 'VARCHAR' },
        { name: 'label', type: 'VARCHAR' },
        { name: 'image', type: 'BLOB' },
        { name: 'problem', type: 'VARCHAR' },
      ],
    });
    expect(fixture.leftovers()).toEqual([]);
  });

  it('decodes the same images once, and again when one has changed or another size is asked for', async () => {
    await put('faces/happy/a.png', 1);
    await put('faces/sad/b.png', 2);
    const first = await fixture.ingest(images('faces'));
    expect(await fixture.ingest(images('faces'))).toEqual({ ...first, reused: true });
    const elsewhere = pathToFileURL(join(fixture.root, 'faces')).href;
    expect(await fixture.ingest(images(elsewhere))).toMatchObject({ digest: first.digest, reused: true });
    expect((await fixture.ingest({ ...images('faces'), height: 3 })).reused).toBe(false);
    await put('faces/sad/b.png', 3);
    const changed = await fixture.ingest(images('faces'));
    expect(changed.reused).toBe(false);
    expect(changed.digest).not.toBe(first.digest);
  });

  it('reads a pattern, names with every kind of character, and only the folders that are named', async () => {
    await put('data/train/ä 100%/1#?.png', 1);
    await put('data/test/b/2.png', 2);
    const pattern = await fixture.ingest(images('data/*/*/*.png'));
    expect((await fixture.rows(await fixture.part(pattern), query)).map(({ path }) => path)).toEqual([
      'test/b/2.png',
      'train/ä 100%/1#?.png',
    ]);
    const one = await fixture.ingest(images(pathToFileURL(join(fixture.root, 'data/train')).href));
    expect(await fixture.rows(await fixture.part(one), query)).toMatchObject([{ path: 'ä 100%/1#?.png', label: 'ä 100%' }]);
  });

  it('cuts many large images into parts that do not depend on how they are grouped', async () => {
    await put('faces/a/00.png', 7);
    for (let i = 1; i < 12; i += 1) copyFileSync(join(fixture.root, 'faces/a/00.png'), join(fixture.root, `faces/a/${10 + i}.png`));
    const source = { ...images('faces'), height: 2048, width: 2048, channels: 3 } as const;
    const context = { store: fixture.store, scratchRoot: fixture.scratchRoot };
    const plan = await planIngestion(source, undefined, dataSpec.parse({}), fixture.root, context);
    expect(plan.partitions.map(({ files }) => files.length)).toEqual([2, 2, 2, 2, 2, 2]);
    const snapshot = await ingestPlan(plan, fixture.root, context);
    const together = { ...plan, partitions: [{ files: plan.partitions.flatMap(({ files }) => files) }] };
    expect(await ingestPlan(together, fixture.root, context)).toEqual({ ...snapshot, reused: true });
    const manifest = await fixture.store.readJson<SnapshotManifest>(snapshot.manifest);
    expect(manifest.parts.map(({ rows }) => rows)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(manifest.sources[0].uri).toBe('faces/a/00.png and 1 more');
  });

  it('says that a folder has no images', async () => {
    fixture.write('faces/a/notes.txt', 'x');
    expect((await failureOf(fixture.ingest(images('faces')))).message).toMatch(/no file of the format images \(\.png/);
    rmSync(join(fixture.root, 'faces'), { recursive: true });
    expect((await failureOf(fixture.ingest(images('faces')))).message).toMatch(/there is no such file/);
  });

  it('leads to matrices of the classes, and takes out what cannot be read', async () => {
    const data = new DataFixture();
    try {
      for (let i = 0; i < 40; i += 1) {
        const background = { r: i, g: i, b: i };
        const bytes = await sharp({ create: { width: 5, height: 4, channels: 3, background } })
          .png()
          .toBuffer();
        data.write(`faces/${i % 2 ? 'sad' : 'happy'}/${i}.png`, bytes);
      }
      data.write('faces/sad/broken.png', 'no image');
      const spec = definePipeline({
        name: 'faces',
        source: images('faces'),
        columns: { image: { type: 'image', height: 2, width: 2, channels: 1 }, label: { type: 'string' } },
        expectations: { minRows: 10, minRowsPerClass: 2, maxQuarantined: 0.1 },
        target: { task: 'multiclass', name: 'mood', expression: 'label', classes: ['happy', 'sad'] },
        split: { kind: 'random' },
        features: { image: { kind: 'image', column: 'image' } },
        model: { family: 'cnn', filters: [2] },
      });
      const { report } = await data.validate(spec);
      const { quarantined } = await data.store.readJson<ValidationReport>(report);
      expect(quarantined).toMatchObject([{ rows: 1 }]);
      const { manifest, rows } = await data.prepare(spec);
      const { train } = await data.store.readJson<PreparedManifest>(manifest);
      expect((await data.store.readBytes(train.image!)).byteLength).toBe(rows.train * 4);
      expect(rows.train + rows.validation + rows.test).toBe(40);
    } finally {
      data.dispose();
    }
  });

  it('has columns of the same shape', () => {
    const spec = (height: number): PipelineInput => ({
      name: 'faces',
      source: images('faces'),
      columns: { image: { type: 'image', height, width: 2 }, label: { type: 'string' } },
      target: { task: 'multiclass', name: 'mood', expression: 'label', classes: ['happy', 'sad'] },
      split: { kind: 'random' },
      features: { image: { kind: 'image', column: 'image' } },
      model: { family: 'cnn', filters: [2] },
    });
    expect(() => definePipeline(spec(2))).not.toThrow();
    expect(() => definePipeline(spec(4))).toThrow(/said to be 4 × 2 × 1, and the source makes it 2 × 2 × 1/);
  });
});
