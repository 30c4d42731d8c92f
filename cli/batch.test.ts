import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BatchStatus, PartitionProgress } from '../contracts/batch.js';
import { testBatch } from '../testing/fake-batch.js';
import type { RemoteFiles } from '../contracts/remote-files.js';
import { batchSource, remoteInputFormat } from './batch-source.js';
import { type BatchOptions, requestOf } from './batch.js';
import { endedBatch } from './batch-status.js';
import { exitCodes } from './command-error.js';
import { batchProgressText, batchResultView } from './progress/batch-view.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-batch-source-'));
  mkdirSync(join(folder, 'days'));
  for (const name of ['_SUCCESS', 'days/1.csv.gz']) writeFileSync(join(folder, name), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the source of a batch job', () => {
  test.each([
    [['a.parquet', 'b.parquet'], undefined, [], { format: 'parquet', uri: [resolve('a.parquet'), resolve('b.parquet')] }],
    [['days/*.jsonl.zst'], undefined, [], { format: 'ndjson', uri: [resolve('days/*.jsonl.zst')] }],
    [['s3://bucket/days/'], 'jsonl', [], { format: 'ndjson', uri: ['s3://bucket/days/'] }],
    [['/data/x.txt'], 'csv', ['delimiter=;', 'header=false'], { format: 'csv', uri: ['/data/x.txt'], delimiter: ';', header: false }],
  ])('is made of %j', (places, format, options, source) => {
    expect(batchSource(places, format, options)).toEqual(source);
  });

  test('has the format of the files in a folder', () => {
    expect(batchSource([`${folder}/`], undefined)).toEqual({ format: 'csv', uri: [`${folder}/`] });
  });

  test.each([
    [['s3://bucket/days/'], undefined, [], /--input-format/],
    [['x.csv'], 'xlsx', [], /"xlsx" is not a format/],
    [['x.csv'], undefined, ['delimeter=;'], /delimeter/],
    [['x.csv'], undefined, ['window={"column":"a","since":"-1d"}'], /neither a query nor a window/],
  ])('is wrong usage as %j', (places, format, options, message) => {
    expect(() => batchSource(places, format, options)).toThrow(
      expect.objectContaining({ exitCode: exitCodes.usage, message: expect.stringMatching(message) }),
    );
  });
});

describe('the format of a folder', () => {
  const holding = (...names: string[]): RemoteFiles => ({
    list: async (uri) => names.map((name) => ({ uri: `s3://bucket/${name}`, sizeBytes: 9 })).filter((file) => file.uri.startsWith(uri)),
    fetch: () => Promise.reject(new Error('Nothing is fetched.')),
  });

  test.each([
    ['s3://bucket/days/', ['days/', 'days/_SUCCESS', 'days/.x.csv', 'days/a.parquet', 'days/b/c.parquet', 'days-old/x.csv'], 'parquet'],
    ['s3://bucket/days', ['days/a.jsonl.zst', 'days/b.ndjson'], 'jsonl'],
    ['s3://bucket/days', ['days/a.jsonl', 'days/b.json'], 'json'],
    ['s3://bucket/days/1*', ['days/1.csv.gz', 'days/2.parquet'], 'csv'],
    ['s3://bucket/days/*.parquet', [], undefined],
    ['days/', [], undefined],
  ])('%s in S3, with %j, is %s', async (place, names, format) => {
    expect(await remoteInputFormat(place, holding(...names))).toBe(format);
  });

  test('is asked for where files in S3 have several formats, or none', async () => {
    const asked = (...names: string[]) => remoteInputFormat('s3://bucket/days/', holding(...names));
    await expect(asked('days/a.parquet', 'days/b.csv', 'days/c.csv')).rejects.toMatchObject({
      exitCode: exitCodes.usage,
      message: expect.stringMatching(/there are 1 parquet file and 2 csv files\. Name the one to read with --input-format parquet\|csv/),
    });
    await expect(asked('days/part-0')).rejects.toThrow(/cannot be told by its name\. Name it with --input-format/);
    await expect(asked()).rejects.toThrow(
      /was to be told by the names of its files\. .*s3:\/\/bucket\/days.* Or name it with --input-format/,
    );
  });

  test('is asked for where a local folder has files of several', () => {
    mkdirSync(join(folder, '.both'));
    for (const name of ['a.csv', 'b.parquet', '_log.json']) writeFileSync(join(folder, '.both', name), '');
    expect(() => batchSource([join(folder, '.both')], undefined)).toThrow(/there are 1 parquet file and 1 csv file\./);
    expect(batchSource([join(folder, '.both')], 'csv')).toMatchObject({ format: 'csv' });
  });
});

describe('the request of a batch job', () => {
  const options: BatchOptions = {
    input: ['/x.csv'],
    output: 'out',
    format: 'parquet',
    maxRejects: 1,
    concurrency: 4,
    partitionRows: 1000,
  };

  test('writes into a folder, from wherever the command is called, or into S3', () => {
    expect(requestOf('m', { ...options, output: 's3://bucket/predictions/' })).toMatchObject({ directory: 's3://bucket/predictions' });
    expect(() => requestOf('m', { ...options, output: 's3://Bucket/x' })).toThrow(/neither a folder nor s3/);
  });

  test.each([
    [undefined, 'all'],
    [false, []],
    ['id, date', ['id', 'date']],
  ] as const)('keeps, asked for %j, %j', (keep, kept) => {
    expect(requestOf('m', { ...options, ...(keep === undefined ? {} : { keep }) })).toMatchObject({
      keep: kept,
      directory: resolve('out'),
    });
  });

  test('has a name of its own unless it is given one', () => {
    expect(requestOf('m', options).job).toMatch(/^\d{8}-\d{6}-\w{4}$/);
    expect(requestOf('m', { ...options, job: 'monday' }).job).toBe('monday');
    expect(() => requestOf('m', { ...options, job: 'a/b' })).toThrow(/cannot name a job/);
  });
});

describe('the view of a batch job', () => {
  const status: BatchStatus = {
    model: 'toy',
    job: 'monday',
    state: 'running',
    phase: 'predict',
    request: testBatch(),
    version: '3',
    partitions: { done: 2, total: 10 },
    rows: { predicted: 1990, rejected: 10, total: 10_000 },
    reusedRows: 500,
    reasons: { 'x is missing': 10 },
    startedAtMs: 0,
    predictingSinceMs: 1000,
  };

  test('counts the rows under way, and not those of earlier attempts, into the speed', () => {
    expect(
      stripVTControlCharacters(batchProgressText(status, [{ rows: 300, totalRows: 1000 }, { rows: 200, totalRows: 1000 }, {}], 3000)),
    ).toBe('predict: partition 2/10, 2,500 of 10,000 rows, 1,000 rows/s, ETA 7.5 s, 10 rejected');
  });

  test('moves while a large file is read, and knows the rows of the last files once they are', () => {
    const csv: BatchStatus = {
      ...status,
      partitions: { done: 1, total: 2 },
      rows: { predicted: 900, rejected: 100 },
      reusedRows: 0,
      reasons: {},
    };
    const text = (underWay: PartitionProgress) => stripVTControlCharacters(batchProgressText(csv, [underWay], 3000));
    expect(text({ readBytes: 90e6, sizeBytes: 171e6 })).toBe(
      'predict: partition 1/2, 1,000 rows, reading 90 of 171 MB, 500 rows/s, 100 rejected',
    );
    expect(text({ rows: 500, totalRows: 3000 })).toBe('predict: partition 1/2, 1,500 of 4,000 rows, 750 rows/s, ETA 3.3 s, 100 rejected');
  });

  test('says how it ended, with the reasons of rejected rows', () => {
    const totals = { manifest: 'm', rows: 10_000, predicted: 9990, rejected: 10, reasons: {}, parts: 10, sizeBytes: 2e6 };
    const view = batchResultView({ ...status, state: 'completed', totals, endedAtMs: 10_000 }, 'http://page');
    const lines = stripVTControlCharacters(view.join('\n'));
    expect(lines).toMatch(/completed {2}toy version 3 {2}job monday, 10\.0 s/);
    expect(lines).toMatch(/in 10 parts, 2\.00 MB, 950 rows\/s/);
    expect(lines).toMatch(/Rejected +10 rows: x is missing \(10\)/);
  });

  test('knows a job that somebody terminated', () => {
    expect(endedBatch(status, 'RUNNING').state).toBe('running');
    expect(endedBatch(status, 'TERMINATED')).toMatchObject({ state: 'failed', reason: expect.stringContaining('terminated') });
    expect(endedBatch({ ...status, state: 'completed' }, 'COMPLETED').state).toBe('completed');
  });
});
