import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DataFixture, failureOf } from '../../activities/data-fixture.js';
import { AnnealError } from '../../contracts/failures.js';
import type { SourceSpec } from '../../contracts/pipeline.js';
import type { BadCase, Job, Outcome } from './bad-case.js';
import { brokenDelimited } from './broken-delimited.js';
import { brokenFiles } from './broken-files.js';
import { brokenImages } from './broken-images.js';
import { brokenPlaces } from './broken-places.js';
import { brokenQueries } from './broken-queries.js';
import { brokenSplits } from './broken-splits.js';
import { brokenValues } from './broken-values.js';
import { type CaseResult, runCase } from './run-case.js';

let fixture: DataFixture;
beforeEach(() => {
  fixture = new DataFixture();
});
afterEach(() => fixture.dispose());

const corpus: readonly (readonly [string, readonly BadCase[]])[] = [
  ['a file', brokenFiles],
  ['CSV', brokenDelimited],
  ['a place', brokenPlaces],
  ['SQL', brokenQueries],
  ['values', brokenValues],
  ['a split', brokenSplits],
  ['images', brokenImages],
];

describe.each(corpus)('bad data: %s', (_, cases) => {
  it.each(cases.map((badCase) => [badCase.name, badCase] as const))('%s', async (_name, badCase) => {
    const result = await outcomeOf(badCase);
    await expectOutcome(result, badCase.comes);
    if (badCase.notes) expect((result as CaseResult).snapshot?.notes?.join('; ')).toMatch(badCase.notes);
    expectNothingLeft();
  });

  afterAll(() => {
    // What the injections would write, in the directory of the process.
    expect(existsSync(resolve('executed'))).toBe(false);
  });
});

/** A definition that is refused comes to no activity at all. */
async function outcomeOf({ given }: BadCase): Promise<CaseResult | AnnealError> {
  let job: Job;
  try {
    job = await given(fixture);
  } catch (error) {
    if (error instanceof AnnealError) return error;
    throw error;
  }
  return runCase(fixture, job);
}

async function expectOutcome(result: CaseResult | AnnealError, comes: Outcome): Promise<void> {
  if (result instanceof AnnealError) {
    expect(result).toMatchObject({ type: 'fails' in comes && comes.fails });
    expectMessage(result.message, 'says' in comes ? comes.says : /never/);
    return;
  }
  const { failure, validation, snapshot } = result;
  if ('fails' in comes) {
    expect(failure).toMatchObject({ type: comes.fails, nonRetryable: true });
    expectMessage(failure!.message, comes.says);
    return;
  }
  expect(failure).toBeUndefined();
  if ('reads' in comes) {
    expect(snapshot).toMatchObject({ rows: comes.reads });
    if (comes.first) expect((await fixture.snapshotRows(snapshot!))[0]).toEqual(comes.first);
  } else if ('stops' in comes) {
    expect(validation).toMatchObject({ passed: false });
    expect(validation!.anomalies).toContainEqual(expect.objectContaining({ severity: 'error', rule: comes.stops }));
    expectMessage(validation!.refusal!, comes.says);
  } else {
    expect(result).toMatchObject({ validation: { passed: true }, isPrepared: true });
    if (!('warns' in comes)) return;
    const found = validation!.anomalies.filter(({ rule, severity }) => rule === comes.warns && severity === 'warn');
    expectMessage(found.map((anomaly) => `${anomaly.column}: expected ${anomaly.expected}, found ${anomaly.found}`).join('; '), comes.says);
  }
}

/** One paragraph for a person: no path of the worker, nothing of how Anneal calls DuckDB. */
function expectMessage(message: string, says: RegExp): void {
  expect(message).toMatch(says);
  expect(message.length).toBeLessThan(2000);
  expect(message).not.toContain(fixture.root);
  expect(message).not.toMatch(/\n|LINE \d+:|read_(csv|parquet|json)\('\/tmp/);
}

function expectNothingLeft(): void {
  const scratch = existsSync(fixture.scratchRoot) ? fixture.leftovers() : [];
  const half = join(fixture.root, 'store', 'tmp');
  expect([...scratch, ...(existsSync(half) ? readdirSync(half) : [])]).toEqual([]);
  expect(existsSync(join(fixture.root, 'executed'))).toBe(false);
}

describe('bad data: what does not end', () => {
  it.each([
    ['a product of all numbers', 'SELECT count(*) AS n FROM range(1000000000000000000) AS a, range(1000000000000000000) AS b'],
    ['a recursion', 'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t'],
  ])('%s is cancelled within seconds', async (_, text) => {
    fixture.write('a.csv', 'a\n1\n');
    const environment = fixture.environment();
    const source: SourceSpec = { query: text, sources: { a: { format: 'csv', uri: 'a.csv' } } };
    const failure = failureOf(fixture.ingest(source, environment));
    await new Promise((started) => setTimeout(started, 700));
    const cancelledAt = Date.now();
    environment.cancel('CANCELLED');
    expect(await failure).toMatchObject({ name: 'CancelledFailure' });
    expect(Date.now() - cancelledAt).toBeLessThan(5000);
    expectNothingLeft();
  });

  it('512 MB from half a megabyte of gzip stream through, within the memory of a stage', async () => {
    const piece = gzipSync(`${'x'.repeat(4095)}\n`.repeat(16_384));
    fixture.write('wide.csv.gz', Buffer.concat([gzipSync('a\n'), ...Array.from({ length: 8 }, () => piece)]));
    const before = process.memoryUsage().rss;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 50);
    const snapshot = await fixture.ingest({ format: 'csv', uri: 'wide.csv.gz' });
    clearInterval(watch);
    expect(snapshot.rows).toBe(131_072);
    expect(peak - before).toBeLessThan(2 ** 30);
    expectNothingLeft();
  });
});
