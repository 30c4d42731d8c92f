import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { SourceSpec } from '../contracts/pipeline.js';
import { failureOf, IngestFixture } from './ingest-fixture.js';

let fixture: IngestFixture;
beforeEach(() => {
  fixture = new IngestFixture();
});
afterEach(() => fixture.dispose());

type Files = Partial<Extract<SourceSpec, { format: 'csv' | 'tsv' }>>;

const read = async (uri: string | string[], options: Files = {}) => fixture.ingest({ format: 'csv', uri, ...options } as SourceSpec);
const rowsOf = async (uri: string | string[], options?: Files) => fixture.snapshotRows(await read(uri, options));
const valuesOf = async (uri: string | string[]) => (await rowsOf(uri)).map(({ a }) => a);
const refusal = async (uri: string | string[], options?: Files): Promise<string> => {
  const failure = await failureOf(read(uri, options));
  expect(failure).toMatchObject({ type: 'SourceUnavailable', nonRetryable: true });
  return failure.message;
};

/** One row each: the name without what follows a dot. */
function files(...names: string[]): void {
  for (const name of names) fixture.write(name, `a\n${name.split('/').at(-1)!.split('.')[0]}\n`);
}

describe('places', () => {
  it('are files, lists, patterns and folders, read in the order of their names', async () => {
    files('data/b.csv', 'data/a.csv', 'data/deep/c.csv', 'data/deep/deeper/d.csv', 'data/e.txt');
    expect(await valuesOf(['data/b.csv', 'data/a.csv'])).toEqual(['b', 'a']);
    expect(await valuesOf('data/*.csv')).toEqual(['a', 'b']);
    expect(await valuesOf('data/{b,deep/c}.csv')).toEqual(['b', 'c']);
    expect(await valuesOf('data/**/*.csv')).toEqual(['a', 'b', 'c', 'd']);
    expect(await valuesOf('data/*/[cd].csv')).toEqual(['c']);
    expect(await valuesOf('data/')).toEqual(['a', 'b', 'c', 'd']);
    expect(await valuesOf('data')).toEqual(['a', 'b', 'c', 'd']);
    expect(await valuesOf(pathToFileURL(join(fixture.root, 'data/deep')).href)).toEqual(['c', 'd']);
    expect(await valuesOf(join(fixture.root, 'data/?.csv'))).toEqual(['a', 'b']);
  });

  it('are named in the manifest, with the digest and the size of each file', async () => {
    files('data/a.csv', 'data/b c.csv');
    const { sources } = await fixture.manifest(await read('data/*.csv'));
    expect(sources.map(({ uri, sizeBytes }) => [uri, sizeBytes])).toEqual([
      ['data/a.csv', 4],
      ['data/b c.csv', 6],
    ]);
    const folder = pathToFileURL(join(fixture.root, 'data')).href;
    expect((await fixture.manifest(await read(folder))).sources[1].uri).toBe(`${folder}/b%20c.csv`);
  });

  it('in a package are found below it', async () => {
    files('node_modules/some-data/rows/a.csv', 'node_modules/some-data/rows/b.csv');
    fixture.write('node_modules/some-data/package.json', '{"name":"some-data"}');
    expect(await valuesOf('npm:some-data/rows/*.csv')).toEqual(['a', 'b']);
    expect(await valuesOf('npm:some-data/rows')).toEqual(['a', 'b']);
  });

  it('do not take hidden files and what other tools leave behind for data', async () => {
    files('data/a.csv', 'data/.b.csv', 'data/_temporary/c.csv', 'data/_SUCCESS.csv', 'data/.git/d.csv');
    expect(await valuesOf('data')).toEqual(['a']);
    expect(await valuesOf('data/**/*.csv')).toEqual(['a']);
    expect(await valuesOf('data/_temporary/*.csv')).toEqual(['c']);
  });

  it('leave empty files out among others, and say so', async () => {
    files('data/a.csv');
    fixture.write('data/b.csv', '');
    fixture.write('data/c.csv', 'a\n');
    const snapshot = await read('data');
    expect(snapshot).toMatchObject({ rows: 1, notes: ['1 empty file was left out: data/b.csv'] });
    expect((await fixture.manifest(snapshot)).sources.map(({ uri }) => uri)).toEqual(['data/a.csv', 'data/c.csv']);
  });

  it('follow a link to a file of the folder once, end a loop, and refuse what leads out of the folder', async () => {
    files('data/.versions/a.csv', 'data/b.csv', 'outside/c.csv');
    symlinkSync('.versions/a.csv', join(fixture.root, 'data/a.csv'));
    symlinkSync('b.csv', join(fixture.root, 'data/again.csv'));
    symlinkSync('..', join(fixture.root, 'data/.versions/loop'));
    mkdirSync(join(fixture.root, 'data/sub'));
    symlinkSync('..', join(fixture.root, 'data/sub/loop'));
    expect(await valuesOf('data')).toEqual(['a', 'b']);
    symlinkSync('data', join(fixture.root, 'link'));
    expect(await valuesOf('link')).toEqual(['a', 'b']);
    symlinkSync('../outside/c.csv', join(fixture.root, 'data/c.csv'));
    expect(await refusal('data')).toMatch(/"data".*link "c\.csv" in it leads out of the folder/);
    expect(await valuesOf('data/b*.csv')).toEqual(['b']);
    symlinkSync('nowhere.csv', join(fixture.root, 'outside/d.csv'));
    expect(await refusal('outside')).toMatch(/link "d\.csv" in it leads nowhere/);
  });

  it('are refused when they mean nothing, or a file twice', async () => {
    files('data/a.csv');
    mkdirSync(join(fixture.root, 'data/bare'));
    expect(await refusal('data/*.tsv')).toMatch(/"data\/\*\.tsv".*no file matches the pattern/);
    expect(await refusal('data/bare')).toMatch(/directory has no file of the format csv/);
    expect(await refusal(['data/a.csv', 'data/b.csv'])).toMatch(
      /"data\/b\.csv".*no such file \(relative ones start at the folder where the command is called\)/,
    );
    expect(await refusal(['data/*.csv', 'data/a.csv'])).toMatch(/mean it twice/);
    fixture.write('data/bare/x.csv', '');
    expect(await refusal('data/bare')).toMatch(/the file is empty/);
    expect(await refusal('s3://bucket/a.csv')).toMatch(/no access to S3/);
  });
});

describe('files with different columns', () => {
  beforeEach(() => {
    fixture.write('data/1.csv', 'a,b\n1,x\n');
    fixture.write('data/2.csv', 'b,a\ny,2\n');
  });

  it('go together when the columns are the same in another order', async () => {
    expect(await rowsOf('data')).toEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ]);
  });

  it('are refused with the file and the columns, or united by name', async () => {
    fixture.write('data/3.csv', 'a,c\n3,z\n');
    expect(await refusal('data')).toMatch(/"data\/3\.csv".*not those of "data\/1\.csv": it lacks "b", and it has "c" besides.*unionByName/);
    expect(await rowsOf('data', { unionByName: true })).toEqual([
      { a: '1', b: 'x', c: null },
      { a: '2', b: 'y', c: null },
      { a: '3', b: null, c: 'z' },
    ]);
  });

  it('have the type that holds the values of all, or are refused with both types', async () => {
    await fixture.parquet('wide/1.parquet', 'SELECT 1::INTEGER AS i, 1.5::FLOAT AS f');
    await fixture.parquet('wide/2.parquet', 'SELECT 3000000000::BIGINT AS i, 2 AS f');
    const snapshot = await fixture.ingest({ format: 'parquet', uri: 'wide' });
    expect((await fixture.manifest(snapshot)).columns).toEqual([
      { name: 'i', type: 'BIGINT' },
      { name: 'f', type: 'DOUBLE' },
    ]);
    expect(await fixture.snapshotRows(snapshot)).toEqual([
      { i: 1n, f: 1.5 },
      { i: 3_000_000_000n, f: 2 },
    ]);
    await fixture.parquet('wide/3.parquet', `SELECT 'one' AS i, 1.5 AS f`);
    const failure = await failureOf(fixture.ingest({ format: 'parquet', uri: 'wide' }));
    expect(failure.message).toMatch(/"wide\/3\.parquet".*column "i" is of type VARCHAR, and in "wide\/1\.parquet" it is BIGINT/);
  });

  it('of JSON become text where the types differ', async () => {
    fixture.write('j/1.json', '[{"a":1}]');
    fixture.write('j/2.json', '[{"a":"one"}]');
    expect(await fixture.snapshotRows(await fixture.ingest({ format: 'json', uri: 'j' }))).toEqual([{ a: '1' }, { a: 'one' }]);
  });
});

describe('folders named key=value', () => {
  it('become columns in the type that all values have, below what was written', async () => {
    for (const [year, day] of [
      ['2023', '2023-12-31'],
      ['2024', '2024-01-01'],
    ])
      await fixture.parquet(`root=x/year=${year}/day=${day}/part=b%20c/f.parquet`, `SELECT ${year} + 1 AS next`);
    const snapshot = await fixture.ingest({ format: 'parquet', uri: 'root=x' });
    expect((await fixture.manifest(snapshot)).columns).toEqual([
      { name: 'next', type: 'INTEGER' },
      { name: 'year', type: 'BIGINT' },
      { name: 'day', type: 'DATE' },
      { name: 'part', type: 'VARCHAR' },
    ]);
    expect(await fixture.snapshotRows(snapshot)).toEqual([
      { next: 2024, year: 2023n, day: new Date('2023-12-31'), part: 'b c' },
      { next: 2025, year: 2024n, day: new Date('2024-01-01'), part: 'b c' },
    ]);
    const asText = await fixture.ingest({ format: 'parquet', uri: 'root=x/**/*.parquet', hivePartitions: 'text' });
    expect((await fixture.snapshotRows(asText))[0]).toEqual({ next: 2024, year: '2023', day: '2023-12-31', part: 'b c' });
    const ignored = await fixture.ingest({ format: 'parquet', uri: 'root=x', hivePartitions: 'ignore' });
    expect((await fixture.snapshotRows(ignored))[0]).toEqual({ next: 2024 });
  });

  it('stand back for a column of the file, and mean nothing by the default name', async () => {
    fixture.write('data/kind=__HIVE_DEFAULT_PARTITION__/1.csv', 'a\n1\n');
    fixture.write('data/kind=x/2.csv', 'a\n2\n');
    expect(await rowsOf('data')).toEqual([
      { a: '1', kind: null },
      { a: '2', kind: 'x' },
    ]);
    fixture.write('own/kind=x/1.csv', 'kind\ny\n');
    expect(await rowsOf('own')).toEqual([{ kind: 'y' }]);
  });
});
