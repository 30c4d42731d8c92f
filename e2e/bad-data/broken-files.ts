import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { type BadCase, fails, reads, stops } from './bad-case.js';
import { input, zerosCompressed } from './inputs.js';
import { tableCsv, tablePipeline } from './tables.js';

const parquet = (name: string, bytes: Uint8Array | string): BadCase['given'] => {
  return (fixture) => ({ source: { format: 'parquet', uri: fixture.write(name, bytes) } });
};
const flipped = (at: number): Uint8Array => {
  const bytes = Uint8Array.from(input('table.parquet'));
  bytes[at < 0 ? bytes.length + at : at] ^= 0x40;
  return bytes;
};
const arrow = (): Uint8Array => readFileSync(new URL('../../ml/data/arrow/fixtures/types.arrow', import.meta.url));
const unreadable = fails('SourceUnavailable', /"broken\.parquet".*not readable as parquet.*write it again/);

/** Files of tables that are cut short, damaged, or something else. */
export const brokenFiles: readonly BadCase[] = [
  { name: 'Parquet cut in the middle', given: parquet('broken.parquet', input('table.parquet').subarray(0, 900)), comes: unreadable },
  { name: 'Parquet without its last byte', given: parquet('broken.parquet', input('table.parquet').subarray(0, -1)), comes: unreadable },
  { name: 'Parquet with a flipped byte in a page', given: parquet('broken.parquet', flipped(60)), comes: unreadable },
  { name: 'Parquet with a flipped byte in the footer', given: parquet('broken.parquet', flipped(-71)), comes: unreadable },
  { name: 'Parquet with a flipped length of the footer', given: parquet('broken.parquet', flipped(-6)), comes: unreadable },
  { name: 'text called .parquet', given: parquet('broken.parquet', 'value,label\n1,yes\n'), comes: unreadable },
  {
    name: 'Parquet without rows',
    given: async (fixture) => ({ source: { format: 'parquet', uri: await fixture.parquet('none.parquet', 'SELECT 1 AS a WHERE false') } }),
    comes: fails('SourceUnavailable', /"none\.parquet".*no rows/),
  },
  { name: 'an empty file', given: parquet('empty.parquet', ''), comes: fails('SourceUnavailable', /"empty\.parquet".*empty/) },
  {
    name: 'Arrow cut in the middle',
    given: (fixture) => ({ source: { format: 'arrow', uri: fixture.write('a.arrow', arrow().subarray(0, 3000)) } }),
    comes: fails('SourceUnavailable', /"a\.arrow".*(cut short|not readable as arrow)/),
  },
  {
    name: 'text called .arrow',
    given: (fixture) => ({ source: { format: 'arrow', uri: fixture.write('a.arrow', 'value,label\n1,yes\n') } }),
    comes: fails('SourceUnavailable', /"a\.arrow".*not readable as arrow/),
  },
  {
    name: 'gzip cut in the middle',
    given: (fixture) => {
      const whole = gzipSync(tableCsv());
      return { source: { format: 'csv', uri: fixture.write('a.csv.gz', whole.subarray(0, whole.length / 2)) } };
    },
    comes: fails('SourceUnavailable', /"a\.csv\.gz".*not readable as csv.*cut short, damaged/),
  },
  {
    name: 'gzip with a flipped byte',
    given: (fixture) => {
      const whole = gzipSync(tableCsv());
      whole[whole.length >> 1] ^= 0x40;
      return { source: { format: 'csv', uri: fixture.write('a.csv.gz', whole) } };
    },
    comes: fails('SourceUnavailable', /"a\.csv\.gz".*not readable as csv.*cut short, damaged/),
  },
  {
    name: 'gzip of Parquet called .csv.gz',
    given: (fixture) => ({ source: { format: 'csv', uri: fixture.write('a.csv.gz', gzipSync(input('table.parquet'))) } }),
    comes: fails('SourceUnavailable', /"a\.csv\.gz".*Parquet.*source\.format/),
  },
  {
    name: 'gzip of 1 GB of zeros as CSV',
    given: (fixture) => ({ source: { format: 'csv', uri: fixture.write('zeros.csv.gz', zerosCompressed(1024)) } }),
    comes: fails('SourceUnavailable', /"zeros\.csv\.gz".*NUL/),
  },
  {
    name: 'gzip of 128 MB of zeros after a sound beginning',
    given: (fixture) => ({
      source: { format: 'csv', uri: fixture.write('zeros.csv.gz', Buffer.concat([gzipSync('a,b\n1,2\n'), zerosCompressed(128)])) },
    }),
    comes: fails('SourceUnavailable', /"zeros\.csv\.gz".*last line is longer than 2,000,000 bytes/),
  },
  {
    name: 'gzip of 128 MB of zeros as JSON',
    given: (fixture) => ({ source: { format: 'json', uri: fixture.write('zeros.json.gz', zerosCompressed(128)) } }),
    comes: fails('SourceUnavailable', /"zeros\.json\.gz".*not readable as json/),
  },
  {
    name: 'a folder of files with other columns',
    given: (fixture) => {
      fixture.write('data/1.csv', 'a,b\n1,2\n');
      fixture.write('data/2.csv', 'a,c\n1,2\n');
      return { source: { format: 'csv', uri: 'data' } };
    },
    comes: fails('SourceUnavailable', /"data\/2\.csv".*lacks "b".*"c" besides.*unionByName/),
  },
  {
    name: 'a folder of files with other types',
    given: async (fixture) => {
      await fixture.parquet('data/1.parquet', 'SELECT 1 AS a');
      await fixture.parquet('data/2.parquet', `SELECT [1] AS a`);
      return { source: { format: 'parquet', uri: 'data' } };
    },
    comes: fails('SourceUnavailable', /"data\/2\.parquet".*column "a".*INTEGER\[\].*INTEGER/),
  },
  {
    name: 'JSON cut in the middle',
    given: (fixture) => ({ source: { format: 'json', uri: fixture.write('a.json', '[{"a":1},{"a":2},{"a"') } }),
    comes: fails('SourceUnavailable', /"a\.json".*not readable as json/),
  },
  {
    name: 'JSON whose top is a number',
    given: (fixture) => ({ spec: tablePipeline({ format: 'json', uri: fixture.write('a.json', '42') }) }),
    comes: stops('missing-column', /column "amount".*no such column among "json"/),
  },
  {
    name: 'JSON whose top is a list of numbers',
    given: (fixture) => ({ spec: tablePipeline({ format: 'json', uri: fixture.write('a.json', '[1,2,3]') }) }),
    comes: stops('missing-column', /column "label".*no such column among "json"/),
  },
  {
    name: 'JSON with a key twice',
    given: (fixture) => ({ source: { format: 'json', uri: fixture.write('a.json', '[{"a":1,"a":2},{"a":3}]') } }),
    comes: fails('SourceUnavailable', /"a\.json".*value 1.*duplicate key "a"/),
  },
  {
    name: 'JSON with keys that differ in case alone',
    given: (fixture) => ({ source: { format: 'json', uri: fixture.write('a.json', '[{"a":1,"A":2}]') } }),
    comes: reads(1, { a: 1n, A_1: 2n }),
  },
  {
    name: 'JSON nested a hundred thousand deep',
    given: (fixture) => ({
      source: { format: 'json', uri: fixture.write('a.json', `[{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}]`) },
    }),
    comes: fails('SourceUnavailable', /"a\.json".*line 1.*nested more than 100 deep/),
  },
  {
    name: 'JSON of objects ten thousand deep in a text',
    given: (fixture) => ({
      source: { format: 'ndjson', uri: fixture.write('a.ndjson', `{"a":"\\"${'{['.repeat(10_000)}"}\n{"a":"x"}\n`) },
    }),
    comes: reads(2),
  },
  {
    name: 'JSON of one key in many types',
    given: (fixture) => ({ source: { format: 'json', uri: fixture.write('a.json', '[{"a":{"b":1}},{"a":[1]},{"a":"x"},{"c":null}]') } }),
    comes: reads(4),
  },
  {
    name: 'NDJSON with a broken line',
    given: (fixture) => ({ source: { format: 'ndjson', uri: fixture.write('a.ndjson', '{"a":1}\n{"a":\n{"a":3}\n') } }),
    comes: fails('SourceUnavailable', /"a\.ndjson".*line 3/),
  },
];
