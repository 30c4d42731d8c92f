import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { withDataSession } from '../duckdb-session.js';
import { sniffSource, type SniffedSource } from './sniff-source.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function sniff(name: string, content: string | Uint8Array): Promise<SniffedSource> {
  const path = join(root, name);
  writeFileSync(path, content);
  return withDataSession({ scratchRoot: root }, (session) => sniffSource(session, name, path));
}

const rows = Array.from({ length: 100 }, (_, i) => `${i},${i % 2 ? 'yes' : 'no'}\n`).join('');

describe('sniffSource', () => {
  it('takes a file with one short row for what its header says, so that the row can be named', async () => {
    expect(await sniff('ragged.csv', `amount,label\n${rows}7\n`)).toEqual({ format: 'csv' });
    expect(await sniff('ragged.tsv', `amount\tlabel\n${rows.replaceAll(',', '\t')}7\n`)).toEqual({ format: 'tsv' });
  });

  it('finds the delimiter of a sound file', async () => {
    expect(await sniff('a.csv', `amount;label\n${rows.replaceAll(',', ';')}`)).toEqual({ format: 'csv', delimiter: ';' });
  });

  it('names a compressed file that is cut short', async () => {
    const whole = gzipSync(`amount,label\n${rows}`);
    await expect(sniff('a.csv.gz', whole.subarray(0, 60))).rejects.toMatchObject({
      type: 'SourceUnavailable',
      message: expect.stringMatching(/"a\.csv\.gz".*cut short or damaged/),
    });
  });
});
