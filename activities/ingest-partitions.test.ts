import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { IngestInput, IngestResult } from '../contracts/activities.js';
import type { Snapshot } from '../contracts/dataset.js';
import { dataSpec } from '../contracts/pipeline/data.js';
import type { SourceSpec } from '../contracts/pipeline.js';
import type { RemoteFiles } from '../contracts/remote-files.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';
import { createIngestActivities } from './ingest.js';

let fixture: IngestFixture;
beforeEach(() => {
  fixture = new IngestFixture();
});
afterEach(() => fixture.dispose());

const source: SourceSpec = { format: 'csv', uri: 'data' };
const data = { ...dataSpec.parse({}), partitionSize: '1KB' };

/** About 700 bytes, so that each file is a partition. */
function write(...names: string[]): void {
  for (const name of names) fixture.write(`data/${name}.csv`, `a\n${Array.from({ length: 100 }, (_, i) => `${name}-${i}\n`).join('')}`);
}

/** @param order of the partitions */
async function inPartitions(order: (partitions: number[]) => number[] = (all) => all): Promise<Snapshot> {
  const { ingestSource, ingestPartition, sealSnapshot } = createIngestActivities(fixture.dependencies);
  const environment = fixture.environment();
  const { plan } = await environment.run<[IngestInput], IngestResult, typeof ingestSource>(ingestSource, { source, data });
  const all = Array.from({ length: plan!.partitions }, (_, i) => i);
  const ingested = new Map(
    await Promise.all(
      order(all).map(async (partition) => {
        const result = await fixture.environment().run(ingestPartition, { plan: plan!.plan, partition, data });
        return [partition, result as Awaited<ReturnType<typeof ingestPartition>>] as const;
      }),
    ),
  );
  const partitions = all.map((partition) => ingested.get(partition)!);
  return (await fixture.environment().run(sealSnapshot, { plan: plan!.plan, partitions, data })) as Snapshot;
}

describe('partitions', () => {
  it('make the snapshot that one activity makes, in whatever order they are ingested, and however often', async () => {
    write('a', 'b', 'c', 'd');
    const snapshot = await inPartitions((all) => [...all.toReversed(), ...all]);
    expect(snapshot.rows).toBe(400);
    expect(await fixture.ingest(source)).toEqual({ ...snapshot, reused: true });
    const other = new IngestFixture();
    try {
      renameSync(join(fixture.root, 'data'), join(other.root, 'data'));
      expect(await other.ingest(source)).toEqual({ ...snapshot, reused: false });
    } finally {
      other.dispose();
    }
  });

  it('cost only what is new when a folder grows, wherever the new file stands', async () => {
    write('a', 'c');
    const before = await fixture.manifest(await fixture.ingest(source));
    write('b');
    // What is known is not read again: the part of another file in its place stays as it was put.
    fixture.beats.length = 0;
    const after = await fixture.manifest(await fixture.ingest(source));
    expect([after.parts[0], after.parts[2]]).toEqual(before.parts);
    expect(fixture.beats.filter((beat) => 'totalRows' in (beat as object))).toEqual([{ phase: 'snapshot', rows: 100, totalRows: 100 }]);
  });

  it('keep what was done before one of them failed', async () => {
    write('a', 'b');
    fixture.write('data/c.csv', 'a\n"');
    expect((await failureOf(fixture.ingest(source))).message).toMatch(/data\/c\.csv/);
    write('c');
    fixture.beats.length = 0;
    expect(await fixture.ingest(source)).toMatchObject({ rows: 300 });
    expect(fixture.beats.filter((beat) => 'totalRows' in (beat as object))).toHaveLength(1);
  });
});

describe('remote files', () => {
  it('are fetched once, as long as their etag stays', async () => {
    const fetched: string[] = [];
    const files = new Map([
      ['s3://b/d/1.csv', 'a\n1\n'],
      ['s3://b/d/k=x/2.csv', 'a\n2\n'],
      ['s3://b/d-old/3.csv', 'a\n3\n'],
    ]);
    fixture.remote = {
      list: async (uri) =>
        [...files].filter(([name]) => name.startsWith(uri)).map(([name, text]) => ({ uri: name, sizeBytes: text.length, etag: text })),
      fetch: async (uri, path) => {
        fetched.push(uri);
        writeFileSync(path, files.get(uri)!);
      },
    } satisfies RemoteFiles;
    const folder: SourceSpec = { format: 'csv', uri: 's3://b/d', unionByName: true };
    const first = await fixture.ingest(folder);
    expect(await fixture.snapshotRows(first)).toEqual([
      { a: '1', k: null },
      { a: '2', k: 'x' },
    ]);
    expect(await fixture.ingest(folder)).toEqual({ ...first, reused: true });
    expect(fetched).toEqual(['s3://b/d/1.csv', 's3://b/d/k=x/2.csv']);
    expect(await fixture.ingest({ format: 'csv', uri: 's3://b/*/3.csv' })).toMatchObject({ rows: 1 });
    expect((await failureOf(fixture.ingest({ format: 'csv', uri: 's3://b/nothing' }))).message).toMatch(/no such file/);
    expect(fixture.leftovers()).toEqual([]);
  });
});

describe('windows', () => {
  it('are half-open, and leave rows without a time out', async () => {
    fixture.write('w.csv', 'at,n\n2024-01-01,1\n2024-01-02T00:00:00Z,2\n2024-01-02 23:59:59,3\n2024-01-03,4\nnever,5\n,6\n');
    const window = { column: 'at', since: '2024-01-02', until: '2024-01-03' };
    const from = async (uri: string, format: 'csv' | 'parquet') =>
      (await fixture.snapshotRows(await fixture.ingest({ format, uri }, fixture.environment(), window))).map(({ n }) => Number(n));
    expect(await from('w.csv', 'csv')).toEqual([2, 3]);
    await fixture.parquet('w.parquet', `SELECT TIMESTAMP '2024-01-01' + to_hours(6 * i::INTEGER) AS at, i AS n FROM range(20) t(i)`);
    expect(await from('w.parquet', 'parquet')).toEqual([4, 5, 6, 7]);
    rmSync(join(fixture.root, 'w.csv'));
    fixture.write('w.csv', 'at,n\n2023-01-01,1\n');
    expect((await failureOf(from('w.csv', 'csv'))).message).toMatch(
      /no rows whose "at" lies in the window \(from 2024-01-02 until 2024-01-03\)/,
    );
    fixture.write('w.csv', 'then,n\n2023-01-01,1\n');
    expect((await failureOf(from('w.csv', 'csv'))).message).toMatch(/column "at" is not among its columns "then", "n"/);
  });
});
