import type { PipelineInput } from '../../contracts/pipeline.js';
import { type BadCase, fails, type Outcome, stops, trains, warns } from './bad-case.js';
import { tableCsv, tablePipeline } from './tables.js';

type Changes = Partial<PipelineInput>;

function values(name: string, wrong: readonly string[], comes: Outcome, changes: Changes = {}): BadCase {
  return table(name, tableCsv(wrong), comes, changes);
}
function table(name: string, content: string, comes: Outcome, changes: Changes = {}): BadCase {
  return { name, given: (fixture) => ({ spec: tablePipeline({ format: 'csv', uri: fixture.write('a.csv', content) }, changes) }), comes };
}
function typed(type: 'integer' | 'timestamp' | 'boolean' | 'string'): Changes {
  const feature = {
    integer: { kind: 'numeric', column: 'amount' },
    timestamp: { kind: 'calendar', column: 'amount', part: 'hour' },
    boolean: { kind: 'categorical', column: 'amount' },
    string: { kind: 'categorical', column: 'amount' },
  } as const;
  return { columns: { amount: { type }, label: { type: 'string' } }, features: { amount: feature[type] } };
}
const rows = (count: number, of: (i: number) => string): string[] => Array.from({ length: count }, (_, i) => of(i));
const multiclass: Changes = { target: { task: 'multiclass', name: 'answer', expression: 'label' } };

/** Values, columns and labels that cannot be learned from as they are. */
export const brokenValues: readonly BadCase[] = [
  values('numbers with thousands separators', ['"1,234"', '"5,678,901"', '"1,0"'], stops('type', /column "amount".*"1,234"/)),
  values('numbers with a currency', ['€ 12', '$5', '7 USD'], stops('type', /column "amount".*row 1.*"€ 12"/)),
  values('one number with a decimal comma', ['"1,5"'], warns('type', /first in row 1 \("1,5"\)/)),
  values('NaN in text', ['NaN', 'nan'], warns('null', /no value in 2 of 200 rows, first in row 1/)),
  values('infinite numbers', ['inf', '-Infinity', '1e999'], stops('infinite', /column "amount".*row 1/)),
  values(
    'integers beyond 64 bits',
    ['9223372036854775808', '1e30', '-99999999999999999999'],
    stops('type', /column "amount".*9223372036854775808/),
    typed('integer'),
  ),
  values('fractions as integers', ['1.5', '2.5', '3.5'], stops('type', /column "amount".*an integer.*"1\.5"/), typed('integer')),
  values(
    'dates of several formats',
    rows(200, (i) => (i % 2 ? '2024-01-31' : '31/01/2024')),
    stops('type', /column "amount".*31\/01\/2024/),
    typed('timestamp'),
  ),
  values(
    'dates that do not exist',
    rows(200, (i) => (i < 100 ? `2024-02-${10 + (i % 10)}` : '2023-02-30')),
    stops('type', /column "amount".*2023-02-30/),
    typed('timestamp'),
  ),
  values(
    'dates of the years 0000, 10000 and before 1970',
    rows(200, (i) => ['0000-01-01', '10000-01-01', '1815-12-10', '294247-01-11', '2024-01-01'][i % 5]),
    stops('type', /column "amount".*294247-01-11/),
    typed('timestamp'),
  ),
  values(
    'booleans of several kinds',
    rows(200, (i) => ['yes', 'no', '1', '0', 'true', 'F', 'ja'][i % 7]),
    stops('type', /column "amount".*true or false.*"ja"/),
    typed('boolean'),
  ),
  values(
    'a column without values',
    rows(200, () => ''),
    stops('null', /column "amount"/),
  ),
  values(
    'a column that is constant',
    rows(200, () => '7'),
    fails('InvalidData', /The train part.*200 rows, of 2 different kinds, and equal ones share a part/),
  ),
  values('a category of 1 MB', ['x'.repeat(1 << 20)], trains, typed('string')),
  table(
    'a label of one class',
    tableCsv([], () => 'yes'),
    stops('one-class', /answer.*"true" in every one of 200 rows/),
  ),
  table(
    'a label that is missing',
    tableCsv([], () => ''),
    stops('null', /column "label"/),
  ),
  table(
    'a label that is missing where it may be',
    tableCsv([], () => ''),
    stops('target', /answer.*none in any row/),
    {
      columns: { amount: { type: 'float' }, label: { type: 'string', nullable: true } },
    },
  ),
  table(
    'a label that differs in every row',
    tableCsv([], (i) => `label ${i}`),
    stops('few-rows-of-class', /answer.*1 of class/),
    multiclass,
  ),
  {
    name: 'a label of 1,000,000 classes',
    given: async (fixture) => ({
      spec: tablePipeline(
        {
          format: 'parquet',
          uri: await fixture.parquet('many.parquet', `SELECT CAST(i AS DOUBLE) AS amount, 'class ' || i AS label FROM range(1000000) t(i)`),
        },
        multiclass,
      ),
    }),
    comes: stops('few-rows-of-class', /answer.*1 of class/),
  },
  {
    name: 'a column of 300,000 categories',
    given: async (fixture) => ({
      spec: tablePipeline(
        {
          format: 'parquet',
          uri: await fixture.parquet(
            'many.parquet',
            `SELECT 'c' || i AS amount, CASE WHEN i % 3 = 0 THEN 'yes' ELSE 'no' END AS label FROM range(300000) t(i)`,
          ),
        },
        typed('string'),
      ),
    }),
    comes: trains,
  },
  table(
    'a column that is not there',
    'label,other\nyes,1\nno,2\n',
    stops('missing-column', /column "amount".*no such column among "label", "other"/),
  ),
  table(
    'a column that is there in capitals',
    tableCsv().replace('amount', 'AMOUNT'),
    stops('missing-column', /column "amount".*one called "AMOUNT"/),
  ),
  table('too few rows', 'amount,label\n1,yes\n2,no\n', stops('min-rows', /at least 10 rows \(expectations\.minRows\), found 2/)),
  table(
    'a copy of the label',
    tableCsv().replaceAll(/\n[^,]*,(yes|no)/g, (_, label: string) => `\n${label === 'yes' ? 1 : 0},${label}`),
    fails('InvalidData', /of 2 different kinds/),
  ),
  table(
    'rows that are there many times',
    `amount,label\n${'1,yes\n2,no\n3,no\n'.repeat(80)}`,
    fails('InvalidData', /The validation part.*240 rows, of 3 different kinds/),
  ),
  table(
    'a column with a name that Anneal uses',
    tableCsv().replace('amount', '__anneal_row'),
    fails('InvalidPipeline', /column "__anneal_row".*Rename it/),
    {
      columns: { __anneal_row: { type: 'float' }, label: { type: 'string' } },
      features: { amount: { kind: 'numeric', column: '__anneal_row' } },
    },
  ),
  table(
    'a column called __proto__',
    tableCsv().replace('amount', '__proto__'),
    fails('InvalidPipeline', /there is no column "__proto__" in columns/),
    JSON.parse(
      '{"columns":{"__proto__":{"type":"float"},"label":{"type":"string"}},"features":{"amount":{"kind":"numeric","column":"__proto__"}}}',
    ) as Changes,
  ),
  table('a column called constructor', tableCsv().replace('amount', 'constructor'), trains, {
    columns: { constructor: { type: 'float' }, label: { type: 'string' } },
    features: { constructor: { kind: 'numeric', column: 'constructor' } },
  } as Changes),
  table(
    'a column called like an output',
    tableCsv().replace('amount', 'probabilities'),
    fails('InvalidPipeline', /"probabilities" is the name of an output.*rename the column/),
    {
      columns: { probabilities: { type: 'float' }, label: { type: 'string' } },
      features: { amount: { kind: 'numeric', column: 'probabilities' } },
    },
  ),
  values(
    'timestamps with zones',
    rows(200, (i) => `2024-01-01T0${i % 10}:00:00${['+02:00', 'Z', '-0530', ' Europe/Berlin'][i % 4]}`),
    trains,
    typed('timestamp'),
  ),
  {
    name: 'one wrong value in the third of three files',
    given: (fixture) => {
      for (const [i, wrong] of [[], [], ['1', 'x']].entries()) fixture.write(`data/${i}.csv`, tableCsv(wrong));
      return { spec: tablePipeline({ format: 'csv', uri: 'data' }) };
    },
    comes: warns('type', /1 of 600 rows, first in row 402 \("x"\)/),
  },
];
