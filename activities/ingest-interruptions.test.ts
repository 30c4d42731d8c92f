import { appendFileSync, copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { MockActivityEnvironment } from '@temporalio/testing';
import type { IngestInput, IngestResult } from '../contracts/activities.js';
import type { IngestedFile, Snapshot } from '../contracts/dataset.js';
import { dataSpec } from '../contracts/pipeline/data.js';
import type { SourceSpec } from '../contracts/pipeline.js';
import { DiskFullError } from '../ml/disk-full.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';
import { createIngestActivities } from './ingest.js';

let fixture: IngestFixture;
beforeEach(() => {
  fixture = new IngestFixture();
});
afterEach(() => fixture.dispose());

const source: SourceSpec = { format: 'csv', uri: 'data' };

function writeFolder(): void {
  for (const name of ['a', 'b', 'c'])
    fixture.write(`data/${name}.csv`, `a\n${Array.from({ length: 100 }, (_, i) => `${name}-${i}\n`).join('')}`);
}

/** An environment in which something happens when a stage comes to a phase, once. */
function disturbed(phase: string, happens: (environment: MockActivityEnvironment) => void): MockActivityEnvironment {
  const environment = fixture.environment();
  let isOver = false;
  environment.on('heartbeat', (details: { readonly phase?: string }) => {
    if (isOver || details.phase !== phase) return;
    isOver = true;
    happens(environment);
  });
  return environment;
}

/** How many files were read in the ingestions since the beats were last cleared. */
function filesRead(): number {
  const isRead = (beat: unknown): boolean => typeof beat === 'object' && beat !== null && 'totalRows' in beat;
  // A beat is repeated every second.
  return fixture.beats.filter((beat, i, all) => isRead(beat) && !isRead(all[i - 1])).length;
}

describe('a folder', () => {
  it('one of whose files changes while it is read is refused by its name, and read as it is by the next attempt', async () => {
    writeFolder();
    const grows = disturbed('snapshot, file 2 of 3', () => appendFileSync(join(fixture.root, 'data/b.csv'), 'b-new\n'));
    const failure = await failureOf(fixture.ingest(source, grows));
    expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
    expect(failure.message).toMatch(/data\/b\.csv.*changed while it was read/);
    expect(fixture.leftovers()).toEqual([]);
    fixture.beats.length = 0;
    const snapshot = await fixture.ingest(source);
    expect(filesRead()).toBe(2);
    const rows = await fixture.snapshotRows(snapshot);
    expect(rows).toHaveLength(301);
    expect(rows[200]).toEqual({ a: 'b-new' });
  });

  it('keeps what a cancelled attempt had finished, and gives the same snapshot in the end', async () => {
    writeFolder();
    const cancelled = disturbed('snapshot, file 3 of 3', (environment) => environment.cancel('WORKER_SHUTDOWN'));
    await expect(fixture.ingest(source, cancelled)).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(fixture.leftovers()).toEqual([]);
    fixture.beats.length = 0;
    const snapshot = await fixture.ingest(source);
    expect(filesRead()).toBe(1);
    const undisturbed = new IngestFixture();
    try {
      mkdirSync(join(undisturbed.root, 'data'));
      for (const name of readdirSync(join(fixture.root, 'data')))
        copyFileSync(join(fixture.root, 'data', name), join(undisturbed.root, 'data', name));
      expect(await undisturbed.ingest(source)).toEqual(snapshot);
    } finally {
      undisturbed.dispose();
    }
  });
});

describe('a partition', () => {
  it('that was interrupted is repeated from the file where it stood', async () => {
    writeFolder();
    const { ingestSource, ingestPartition, sealSnapshot } = createIngestActivities(fixture.dependencies);
    // Two files of 492 bytes each, and one.
    const data = { ...dataSpec.parse({}), partitionSize: '1KB' };
    const { plan } = await fixture.environment().run<[IngestInput], IngestResult, typeof ingestSource>(ingestSource, { source, data });
    expect(plan).toMatchObject({ partitions: 2, files: 3 });
    const input = { plan: plan!.plan, partition: 0, data };
    const killed = disturbed('snapshot, file 2 of 2', (environment) => environment.cancel('TIMED_OUT'));
    await expect(killed.run(ingestPartition, input)).rejects.toMatchObject({ name: 'CancelledFailure' });
    fixture.beats.length = 0;
    const again = (await fixture.environment().run(ingestPartition, input)) as Awaited<ReturnType<typeof ingestPartition>>;
    expect(filesRead()).toBe(1);
    expect((await fixture.store.readJson<IngestedFile[]>(again.files)).map(({ reused }) => reused)).toEqual([true, false]);
    const last = (await fixture.environment().run(ingestPartition, { ...input, partition: 1 })) as typeof again;
    const partitions = [again, last];
    const sealed = (await fixture.environment().run(sealSnapshot, { plan: plan!.plan, partitions, data })) as Snapshot;
    expect(await fixture.ingest(source)).toEqual({ ...sealed, reused: true });
  });
});

describe('Arrow', () => {
  const fixtures = fileURLToPath(new URL('../ml/data/arrow/fixtures', import.meta.url));

  it('is read as a file and as a stream, compressed or not, with its types', async () => {
    const names = ['types.arrow', 'types.arrows', 'types-lz4.arrow', 'types-zstd.arrow'];
    const snapshots = [];
    for (const name of names) {
      copyFileSync(join(fixtures, name), join(fixture.root, name));
      snapshots.push(await fixture.ingest({ format: 'arrow', uri: name }));
    }
    const manifests = await Promise.all(snapshots.map((snapshot) => fixture.manifest(snapshot)));
    expect(manifests[0]).toMatchObject({ typing: 'strong', rows: 3 });
    for (const { parts, columns } of manifests)
      expect({ parts, columns }).toEqual({ parts: manifests[0].parts, columns: manifests[0].columns });
    expect(await fixture.ingest({ format: 'arrow', uri: names[0] })).toEqual({ ...snapshots[0], reused: true });
    expect(fixture.leftovers()).toEqual([]);
  });

  it('is united with other files of its folder, and refused with the name of the file that is damaged', async () => {
    mkdirSync(join(fixture.root, 'tables'));
    for (const name of ['1.arrow', '2.arrow']) copyFileSync(join(fixtures, 'types.arrow'), join(fixture.root, 'tables', name));
    expect(await fixture.ingest({ format: 'arrow', uri: 'tables' })).toMatchObject({ rows: 6 });
    fixture.write('tables/3.arrow', 'no Arrow at all');
    const failure = await failureOf(fixture.ingest({ format: 'arrow', uri: 'tables' }));
    expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
    expect(failure.message).toMatch(/tables\/3\.arrow.*not readable as arrow/);
    expect(failure.message).not.toContain(fixture.root);
  });
});

describe('a full disk', () => {
  it.each([
    ['ENOSPC: no space left on device, write', 1, { nonRetryable: false, nextRetryDelay: 5000 }, /It is tried again in some seconds\.$/],
    ['EDQUOT: disk quota exceeded, write', 3, { nonRetryable: false, nextRetryDelay: 20_000 }, /It is tried again in some seconds\.$/],
    [
      'ENOSPC: no space left on device, write',
      4,
      { nonRetryable: true },
      /It was tried 4 times\. Then start the run again .* not done again\.$/,
    ],
  ])('(%s) ends the %i. attempt with its folder and what to do', async (words, attempt, expected, end) => {
    fixture.remote = {
      list: async () => [{ uri: 's3://bucket/days/a.csv', sizeBytes: 1, etag: 'a' }],
      fetch: () => Promise.reject(new Error(words)),
    };
    const failure = await failureOf(fixture.ingest({ format: 'csv', uri: 's3://bucket/days/' }, fixture.environment(attempt)));
    expect(failure).toMatchObject({ type: 'DiskFull', ...expected });
    expect(failure.message).toMatch(
      /^The disk of the scratch folder \S+\/scratch, or its quota, is full: .* leaves [0-9.]+ [kMGT]?B free\. A stage needs /,
    );
    expect(failure.message).toMatch(end);
    expect(fixture.leftovers()).toEqual([]);
  });

  it('of the artifact store is told as the store’s', async () => {
    fixture.write('a.csv', 'a\n1\n');
    const folder = { path: fixture.store.root, name: 'the artifact store', elsewhere: 'point ANNEAL_ARTIFACTS at a larger disk' };
    const full = new DiskFullError('It is full.', { folder }, { cause: new Error('ENOSPC: no space left on device, write') });
    jest.spyOn(fixture.store, 'putFile').mockRejectedValue(full);
    const failure = await failureOf(fixture.ingest({ format: 'csv', uri: 'a.csv' }));
    expect(failure.message).toMatch(
      /^The disk of the artifact store \S+\/store.*: ENOSPC: .* or point ANNEAL_ARTIFACTS at a larger disk\. /,
    );
  });
});
