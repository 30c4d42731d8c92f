import type { PipelineInput } from '../../contracts/pipeline.js';
import { type BadCase, fails, type Outcome, stops, warns } from './bad-case.js';
import { tablePipeline } from './tables.js';

/** 400 rows, hourly from 2024-01-01; the group and the key are given. */
function split(name: string, changes: Partial<PipelineInput>, comes: Outcome, columns = ''): BadCase {
  return {
    name,
    given: async (fixture) => ({
      spec: tablePipeline(
        {
          format: 'parquet',
          uri: await fixture.parquet(
            'rows.parquet',
            `SELECT * ${columns} FROM (SELECT TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS "at", 'only' AS team, CAST((i * 37) % 101 AS DOUBLE) AS amount,
              CASE WHEN i % 2 = 0 THEN 'yes' ELSE 'no' END AS label FROM range(400) t(i))`,
          ),
        },
        {
          columns: { at: { type: 'timestamp' }, team: { type: 'string' }, amount: { type: 'float' }, label: { type: 'string' } },
          ...changes,
        },
      ),
    }),
    comes,
  };
}
const time = (train: [string, string], validation: [string, string], test: [string, string]): Partial<PipelineInput> => {
  const range = ([from, until]: [string, string]) => ({ from, until });
  return { split: { kind: 'time', column: 'at', train: range(train), validation: range(validation), test: range(test) } };
};

/** Divisions of the rows that cannot be measured on. */
export const brokenSplits: readonly BadCase[] = [
  split(
    'a part of the time without rows',
    time(['2024-01-01', '2024-01-10'], ['2024-01-10', '2024-01-15'], ['2025-01-01', '2025-02-01']),
    fails('InvalidData', /The test part.*2025-01-01 ≤ at < 2025-02-01.*data go from 2024-01-01/),
  ),
  split(
    'a time split of dates that do not exist',
    time(['2024-01-01', '2024-02-30'], ['2024-03-01', '2024-03-10'], ['2024-03-10', '2024-03-31']),
    fails('InvalidPipeline', /split\.train\.until is "2024-02-30", a date that does not exist/),
  ),
  split(
    'parts of the time that overlap',
    time(['2024-01-01', '2024-01-12'], ['2024-01-10', '2024-01-14'], ['2024-01-14', '2024-01-18']),
    fails('InvalidPipeline', /train and validation.*overlap/),
  ),
  split(
    'a test part without a class',
    time(['2024-01-01', '2024-01-08'], ['2024-01-08', '2024-01-12'], ['2024-01-12', '2024-01-18']),
    fails('InvalidData', /The test part.*at least two classes.*"false" in every one/),
    `REPLACE (CASE WHEN "at" >= TIMESTAMP '2024-01-12' THEN 'no' ELSE label END AS label)`,
  ),
  split('one group alone', { split: { kind: 'group', columns: ['team'] } }, fails('InvalidData', /groups of team.*there is one group/)),
  split(
    'values of a column that do not occur',
    { split: { kind: 'column', column: 'team', train: ['only'], validation: ['b'], test: ['c'] } },
    fails('InvalidData', /The validation part.*team among "b".*the values are "only"/),
  ),
  split(
    'a stratified key with several classes',
    { split: { kind: 'random', stratify: true, key: ['team'] } },
    fails('InvalidData', /team.*several classes.*Leave stratify out/),
  ),
  split(
    'the same rows on both sides of the split',
    { split: { kind: 'random', key: ['at'] }, expectations: { minRows: 10, minRowsPerClass: 2, splitOverlap: { severity: 'error' } } },
    stops('split-overlap', /training row.*split by group or time/),
    `REPLACE (CAST(hash("at") % 97 AS DOUBLE) AS amount)`,
  ),
  split(
    'a key on both sides of the split',
    { split: { kind: 'random' }, expectations: { minRows: 10, minRowsPerClass: 2, splitOverlap: { key: ['team'] } } },
    warns('key-overlap', /split by this key/),
  ),
];
