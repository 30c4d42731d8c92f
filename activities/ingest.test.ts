import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SnapshotManifest } from '../contracts/dataset.js';
import { failureOf, fixtureRows, IngestFixture } from './ingest-fixture.js';

let fixture: IngestFixture;
beforeEach(() => {
  fixture = new IngestFixture();
});
afterEach(() => fixture.dispose());

const parquet = (uri: string) => ({ format: 'parquet', uri }) as const;

describe('ingestSource', () => {
  it('copies a source into a snapshot with a manifest, and reads the same source once', async () => {
    const uri = await fixture.parquet('source.parquet', fixtureRows(5000));
    const first = await fixture.ingest(parquet(uri));
    expect(first).toMatchObject({ rows: 5000, reused: false });
    const manifest = await fixture.store.readJson<SnapshotManifest>(first.manifest);
    expect(manifest).toMatchObject({ sources: [{ uri }], parts: [{ rows: 5000 }], typing: 'strong', rows: 5000 });
    expect(manifest.columns).toEqual([
      { name: 'when', type: 'TIMESTAMP' },
      { name: 'amount', type: 'DOUBLE' },
      { name: 'kind', type: 'VARCHAR' },
    ]);
    expect(await fixture.rows(await fixture.part(first), 'SELECT count(*) AS n, min("when") AS low FROM data')).toEqual([
      { n: 5000n, low: new Date('1969-12-01T00:30:00Z') },
    ]);
    expect(await fixture.ingest(parquet(uri))).toEqual({ ...first, reused: true });
    expect(fixture.beats).toContainEqual({ phase: 'snapshot', rows: 5000, totalRows: 5000 });
    expect(fixture.leftovers()).toEqual([]);
  });

  it('recognizes the same content under another name, and says where it came from this time', async () => {
    await fixture.parquet('one.parquet', fixtureRows(20));
    copyFileSync(join(fixture.root, 'one.parquet'), join(fixture.root, 'two.parquet'));
    const one = await fixture.ingest(parquet('one.parquet'));
    const two = await fixture.ingest(parquet(pathToFileURL(join(fixture.root, 'two.parquet')).href));
    expect(two).toMatchObject({ digest: one.digest, reused: true });
    expect((await fixture.store.readJson<SnapshotManifest>(two.manifest)).sources[0].uri).toMatch(/^file:.*two\.parquet$/);
  });

  it('takes the snapshot anew when the stored one was lost', async () => {
    const uri = await fixture.parquet('source.parquet', fixtureRows(20));
    const first = await fixture.ingest(parquet(uri));
    await fixture.store.remove(await fixture.part(first));
    expect(await fixture.ingest(parquet(uri))).toEqual(first);
  });

  it('takes the snapshot anew when the pointer to it was damaged', async () => {
    const uri = await fixture.parquet('source.parquet', fixtureRows(20));
    const first = await fixture.ingest(parquet(uri));
    const pointers = join(fixture.root, 'store', 'pointers', 'snapshots');
    for (const name of readdirSync(pointers)) {
      rmSync(join(pointers, name));
      writeFileSync(join(pointers, name), '{"uri":');
    }
    expect(await fixture.ingest(parquet(uri))).toEqual(first);
    expect(await fixture.ingest(parquet(uri))).toEqual({ ...first, reused: true });
  });

  it('gives equal bytes for equal sources in another store', async () => {
    const uri = await fixture.parquet('source.parquet', fixtureRows(300_000));
    const other = new IngestFixture();
    try {
      copyFileSync(join(fixture.root, uri), join(other.root, uri));
      expect(await other.ingest(parquet(uri))).toEqual(await fixture.ingest(parquet(uri)));
    } finally {
      other.dispose();
    }
  });

  it('finds a file in an installed package, past what the package exports', async () => {
    const home = join(fixture.root, 'node_modules/@scope/data');
    mkdirSync(home, { recursive: true });
    fixture.write('node_modules/@scope/data/package.json', '{"name":"@scope/data","exports":"./index.js"}');
    fixture.write('node_modules/@scope/data/rows.csv', 'a,b\n1,x\n2,y\n');
    expect(await fixture.ingest({ format: 'csv', uri: 'npm:@scope/data/rows.csv' })).toMatchObject({ rows: 2 });
    const climbing = await failureOf(fixture.ingest({ format: 'csv', uri: 'npm:@scope/data/../../../rows.csv' }));
    expect(climbing.type).toBe('SourceUnavailable');
  });

  it('reads CSV as text, JSON lists and JSON lines', async () => {
    fixture.write('a.csv', 'code,n\n01234,1\n,2\n');
    const csv = await fixture.ingest({ format: 'csv', uri: 'a.csv' });
    expect(await fixture.rows(await fixture.part(csv))).toEqual([
      { code: '01234', n: '1' },
      { code: null, n: '2' },
    ]);
    fixture.write('a.json', '[{"a":1,"b":"x"},{"a":2}]');
    fixture.write('b.json', '{"a":1,"b":"x"}\n{"a":2}\n');
    for (const uri of ['a.json', 'b.json']) {
      const json = await fixture.ingest({ format: 'json', uri });
      expect(await fixture.rows(await fixture.part(json))).toEqual([
        { a: 1n, b: 'x' },
        { a: 2n, b: null },
      ]);
    }
  });

  it('takes a path literally, whatever characters it has', async () => {
    const name = `it's [1] "*" ?; DROP TABLE x --.csv`;
    fixture.write(name, 'a\n1\n');
    fixture.write(`it's 1 "zzz" z; DROP TABLE x --.csv`, 'a\n1\n2\n');
    expect(await fixture.ingest({ format: 'csv', uri: name })).toMatchObject({ rows: 1 });
  });

  describe('refuses, for good and with the way out,', () => {
    it.each([
      ['a missing file', 'parquet', 'nowhere.parquet', /no such file.*correct source\.uri/],
      ['a missing package', 'parquet', 'npm:no-such-package-here/a.parquet', /no installed package.*Install/],
      ['a package without a file', 'parquet', 'npm:vega-datasets', /Write it as npm:<package>/],
      ['another scheme', 'parquet', 'https://example.com/a.parquet', /scheme "https".*Download/],
      ['a path with a NUL character', 'csv', 'a\0.csv', /NUL/],
      ['a directory', 'csv', '.', /directory/],
    ] as const)('%s', async (_, format, uri, message) => {
      const failure = await failureOf(fixture.ingest({ format, uri }));
      expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
      expect(failure.message).toMatch(message);
    });

    it.each([
      ['an empty file', 'parquet', '', /empty/],
      ['text instead of Parquet', 'parquet', 'hello, this is no Parquet file', /not readable as parquet/],
      ['a header without rows', 'csv', 'a,b\n', /no rows/],
      ['an empty list', 'json', '[]', /no rows/],
      ['CSV in another encoding', 'csv', Buffer.from('a,b\n1,caf\xe9\n', 'latin1'), /not utf-8/],
      ['broken JSON', 'json', '[{"a":1},{"a":', /not readable as json/],
    ] as const)('%s', async (_, format, content, message) => {
      const uri = fixture.write('source', content);
      const failure = await failureOf(fixture.ingest({ format, uri }));
      expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
      expect(failure.message).toMatch(message);
      expect(failure.message).not.toContain('\n');
      expect(failure.message).not.toContain(fixture.root);
    });

    it('a Parquet file that is cut short, and one without rows', async () => {
      const whole = readFileSync(join(fixture.root, await fixture.parquet('whole.parquet', fixtureRows(5000))));
      fixture.write('short.parquet', whole.subarray(0, whole.length / 2));
      expect((await failureOf(fixture.ingest(parquet('short.parquet')))).message).toMatch(/cut short/);
      await fixture.parquet('none.parquet', fixtureRows(0));
      expect((await failureOf(fixture.ingest(parquet('none.parquet')))).message).toMatch(/no rows/);
      expect(fixture.leftovers()).toEqual([]);
    });
  });

  it('stops when it is cancelled, and leaves neither a snapshot nor scratch files', async () => {
    const uri = await fixture.parquet('source.parquet', fixtureRows(100));
    const environment = fixture.environment();
    environment.cancel('CANCELLED');
    await expect(fixture.ingest(parquet(uri), environment)).rejects.toMatchObject({ name: 'CancelledFailure' });
    rmSync(join(fixture.root, uri));
    expect((await failureOf(fixture.ingest(parquet(uri)))).type).toBe('SourceUnavailable');
  });
});
