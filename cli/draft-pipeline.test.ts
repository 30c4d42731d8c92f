import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { draftPipeline, type DraftedPipeline } from '../ml/data/init/draft-pipeline.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';

const root = mkdtempSync(join(tmpdir(), 'anneal-draft-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Spread over 0 to 1 without a period. */
const noise = (i: number, k = 1): number => (Math.sin(i * 12.9898 + k * 78.233) * 43758.5453) % 1;

async function draft(
  header: string,
  target: string,
  row: (i: number) => readonly unknown[],
  rows = 400,
  delimiter = ',',
): Promise<DraftedPipeline> {
  const lines = Array.from({ length: rows }, (_, i) => row(i).join(delimiter));
  writeFileSync(join(root, 'made.csv'), `${header}\n${lines.join('\n')}\n`);
  const storeAt = (directory: string) => new FileArtifactStore(directory);
  return draftPipeline({ name: 'made', places: ['made.csv'], target }, root, root, storeAt, (uri) => uri);
}

const reasons = ({ leftOut }: DraftedPipeline) => Object.fromEntries(leftOut.map(({ column, reason }) => [column, reason]));

describe('draftPipeline', () => {
  it('tells of each step as it begins', async () => {
    writeFileSync(join(root, 'steps.csv'), `x,y\n${Array.from({ length: 90 }, (_, i) => `${noise(i)},${i % 2}`).join('\n')}\n`);
    const phases: string[] = [];
    await draftPipeline(
      { name: 'made', places: ['steps.csv'], target: 'y' },
      root,
      root,
      (directory) => new FileArtifactStore(directory),
      (uri) => uri,
      undefined,
      ({ phase }) => phases.push(phase),
    );
    expect(phases).toEqual(expect.arrayContaining(['snapshot', 'columns', 'rules', 'checks', 'statistics']));
  });

  it('leaves out what gives the label away, as the validation finds it', async () => {
    const drafted = await draft('load,status_code,status', 'status', (i) => {
      const code = noise(i) > 0.2 ? 200 : noise(i, 2) > 0 ? 404 : 500;
      return [noise(i, 3).toFixed(3), code, code === 200 ? 'ok' : 'failed'];
    });
    expect(Object.keys(drafted.definition.features)).toEqual(['load']);
    expect(reasons(drafted).status_code).toMatch(
      /gives the label away.*with area under the ROC curve 1\.0000 in validation and test|gives the label away.*with skill 1\.0000/,
    );
    expect(drafted.anomalies).toEqual([]);
  });

  it('keeps the features that give the label away where there are no others', async () => {
    const { definition, anomalies } = await draft('code,y', 'y', (i) => [noise(i), noise(i) > 0 ? 'yes' : 'no']);
    expect(definition.expectations!.leakage).toEqual({ allow: ['code'] });
    expect(anomalies.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  it('reads marks of missing values, blanks around classes and around names', async () => {
    const { definition } = await draft('age, work, income', 'income', (i) => [
      i % 9 === 0 ? '-' : 20 + (i % 50),
      i % 5 === 0 ? ' ?' : ` ${'abc'[i % 3]}`,
      noise(i) > 0.3 ? ' >50K' : ' <=50K',
    ]);
    expect(definition.source).toMatchObject({ nullText: [' ?', '-'] });
    expect(definition.columns).toMatchObject({ age: { type: 'integer', nullable: true }, ' work': { nullable: true } });
    expect(definition.target).toMatchObject({ expression: `trim(" income") = '>50K'`, classes: ['<=50K', '>50K'] });
  });

  it('takes a mark for a class where there is but one other', async () => {
    const { definition } = await draft('x,y', 'y', (i) => [noise(i), noise(i, 2) > 0 ? '+' : '-']);
    expect(definition.source).not.toHaveProperty('nullText');
    expect(definition.target).toMatchObject({ task: 'binary', classes: expect.arrayContaining(['+', '-']) });
  });

  it('takes NA for missing in texts and labels too, though a column has nothing else', async () => {
    const { definition, remarks, leftOut } = await draft('age,grp,flag,empty,y', 'y', (i) => [
      i % 9 === 0 ? 'NA' : 20 + (i % 50),
      i % 7 === 0 ? 'NA' : 'abc'[i % 3],
      i % 5 === 0 ? 'NA' : 'yes',
      'NA',
      i % 11 === 0 ? 'NA' : 'ABC'[i % 3],
    ]);
    expect(definition.source).toMatchObject({ nullText: 'NA' });
    expect(definition.columns).toMatchObject({ age: { type: 'integer', nullable: true }, grp: { type: 'string', nullable: true } });
    expect(definition.target).toMatchObject({ classes: ['A', 'B', 'C'] });
    expect(leftOut).toContainEqual({ column: 'empty', reason: 'it has no value' });
    expect(remarks.get('source')).toMatch(/"NA" is missing among texts too \("grp", "flag", "empty", "y"\); where it is a category/);
  });

  it('keeps NA among codes of countries, and takes it out of other columns by a query', async () => {
    const { definition, remarks } = await draft('country,grp,x,y', 'y', (i) => [
      ['DE', 'FR', 'NA', 'US', 'ZA', 'BR', 'IN'][i % 7],
      i % 6 === 0 ? 'NA' : 'abc'[i % 3],
      noise(i),
      noise(i, 2) > 0 ? 'yes' : 'no',
    ]);
    expect(definition.source).toMatchObject({ query: expect.stringContaining(`CASE WHEN "grp" IN ('NA') THEN NULL ELSE "grp" END`) });
    expect(definition.columns).toMatchObject({ country: { type: 'string' }, grp: { type: 'string', nullable: true } });
    expect(definition.columns.country).not.toHaveProperty('nullable');
    expect(remarks.get('source')).toMatch(/"NA" stays a value of "country", whose other values are codes/);
  });

  it('casts decimal commas, thousands and dates by a query', async () => {
    const german = await draft(
      'size;day;price',
      'price',
      (i) => [`${30 + (i % 97)},${i % 10}`, `${(i % 28) + 1}.${(i % 12) + 1}.2020`, `1.${200 + ((i * 37) % 700)},50`],
      400,
      ';',
    );
    expect(german.definition.source).toMatchObject({ query: expect.stringContaining('"price"'), sources: { data: { delimiter: ';' } } });
    expect(german.definition.columns).toEqual({ size: { type: 'float' }, day: { type: 'timestamp' }, price: { type: 'float' } });
    expect(german.definition.target.task).toBe('regression');
    const english = await draft('price,share,y', 'y', (i) => [`"$1,${100 + ((i * 37) % 800)}"`, `${i % 90}.5%`, noise(i)]);
    expect(english.definition.columns).toMatchObject({ price: { type: 'integer' }, share: { type: 'float' } });
  });

  it.each([
    [
      'the order of the rows',
      (i: number) => [1 + (i % 3) * 4, 1 + (Math.floor(i / 3) % 12), 2000 + Math.floor(i / 36)],
      '%d/%m/%Y, in which the rows are in order (or is it %m/%d/%Y?',
    ],
    [
      'a day that is always the first',
      (i: number) => [1, 1 + (i % 12), 2000 + Math.floor(i / 12)],
      '%d/%m/%Y, in which all days are the same (or is it %m/%d/%Y?',
    ],
    ['nothing', (i: number) => [1 + ((i * 7) % 12), 1 + ((i * 5) % 12), 2003], '%m/%d/%Y (or is it %d/%m/%Y? No day above 12 tells'],
    ['a day above 12', (i: number) => [1 + (i % 28), 1 + (i % 12), 2003], '%d/%m/%Y.'],
  ])('tells day and month apart by %s', async (_, date, said) => {
    const { remarks } = await draft('at,x,y', 'y', (i) => [date(i).join('/'), noise(i), noise(i, 2) > 0 ? 'a' : 'b']);
    expect(remarks.get('source')).toContain(`times written as ${said}`);
  });

  it('reads dates in two formats within a column, and says so', async () => {
    const two = (n: number) => String(n).padStart(2, '0');
    const { definition, remarks } = await draft('at,x,y', 'y', (i) => [
      i % 2 === 0 ? `${two(1 + (i % 12))}/${two(1 + ((i * 5) % 12))}/2021` : `2021-${two(1 + (i % 12))}-${two(1 + ((i * 7) % 28))}`,
      noise(i),
      noise(i, 2) > 0 ? 'a' : 'b',
    ]);
    expect(definition.columns.at).toEqual({ type: 'timestamp' });
    expect(remarks.get('source')).toMatch(/"at" holds dates in two formats, %Y-%m-%d and %m\/%d\/%Y .*No day above 12 tells/);
  });

  it('takes well-known marks for missing values, in the column alone where others have them', async () => {
    const measured = (i: number) => (i % 20 === 0 ? -9999 : 10 + (i % 70));
    const { definition, remarks, anomalies } = await draft('a,b,since,y', 'y', (i) => [
      measured(i),
      i % 15 === 0 ? 999 : i % 50,
      i % 25 === 0 ? '1900-01-01' : `20${10 + (i % 10)}-0${1 + (i % 9)}-11`,
      noise(i, 2) > 0 ? 'yes' : 'no',
    ]);
    expect(definition.source).toMatchObject({ nullText: ['-9999', '1900-01-01', '999'] });
    expect(definition.columns).toMatchObject({ a: { nullable: true }, b: { nullable: true }, since: { nullable: true } });
    expect(remarks.get('source')).toMatch(/-9999 \(5 %\) in "a", whose other values are 10 to 79: taken for missing/);
    expect(anomalies).toEqual([]);
    const shared = await draft('a,b,y', 'y', (i) => [measured(i), -9999 + i * 50, noise(i, 2) > 0 ? 'yes' : 'no']);
    expect(shared.definition.source).toMatchObject({ query: expect.stringMatching(/THEN NULL ELSE "a" END AS "a"/) });
    expect(shared.definition.columns).toMatchObject({ a: { type: 'integer', nullable: true }, b: { type: 'integer' } });
  });

  it('reads words among numbers as missing, and tells of values that are merely suspicious', async () => {
    const { definition, anomalies } = await draft('a,b,y', 'y', (i) => [
      i % 8 === 0 ? 'unknown' : i % 90,
      i % 40 === 0 ? 5000 : 100 + (i % 60),
      noise(i, 2) > 0 ? 'yes' : 'no',
    ]);
    expect(definition.source).toMatchObject({ nullText: 'unknown' });
    expect(anomalies).toMatchObject([
      { severity: 'warn', rule: 'suspicious-value', column: 'b', found: expect.stringMatching(/^5000 in 2\.5 %/) },
    ]);
  });

  it('splits by time only where each part has what it needs', async () => {
    const day = (i: number) => new Date(Date.UTC(2020, 0, 1 + i)).toISOString().slice(0, 10);
    const steady = await draft('day,x,y', 'y', (i) => [day(i), noise(i), noise(i, 2) > 0 ? 'a' : 'b']);
    expect(steady.definition.split.kind).toBe('time');
    expect(steady.definition.crossValidation).toMatchObject({ kind: 'time-series' });
    const late = await draft('day,x,y', 'y', (i) => [day(i), noise(i), i > 350 ? 'new' : noise(i, 2) > 0 ? 'a' : 'b']);
    expect(late.definition.split).toMatchObject({ kind: 'random', stratify: true });
    expect(late.remarks.get('split')).toMatch(/Not by time: .*0 of class "new"/);
    expect(late.unfit).toBeUndefined();
  });

  it('has no feature of an index, nor of a part of the time that it splits by, and categories of ids', async () => {
    const day = (i: number) => new Date(Date.UTC(2020, 0, 1 + i)).toISOString();
    const drafted = await draft('__index_level_0__,at,month,machine,x,y', 'y', (i) => [
      (i * 7) % 400,
      day(i),
      Number(day(i).slice(5, 7)),
      i % 40,
      noise(i),
      noise(i, 2) > 0 ? 'a' : 'b',
    ]);
    expect(drafted.definition.split.kind).toBe('time');
    expect(reasons(drafted)).toMatchObject({
      __index_level_0__: expect.stringMatching(/index of a pandas table/),
      month: 'it is the month of "at", by which the rows are split',
    });
    expect(drafted.definition.features).toMatchObject({ machine: { kind: 'categorical' }, 'at month': { kind: 'calendar' } });
  });

  it('keeps the rows of a patient together', async () => {
    const drafted = await draft('patient_id,x,y', 'y', (i) => [`P${(i * 7) % 80}`, noise(i), noise(i, 2) > 0 ? 'yes' : 'no']);
    expect(drafted.definition.split).toMatchObject({ kind: 'group', columns: ['patient_id'] });
    expect(reasons(drafted).patient_id).toMatch(/keeps its rows together/);
    expect(drafted.unfit).toBeUndefined();
  });

  it('numbers the rows where few of them differ, so that each is one of its own', async () => {
    const { definition, unfit, anomalies } = await draft('a,b,y', 'y', (i) => [i % 2, (i >> 1) % 3, noise(i) > 0 ? 'yes' : 'no']);
    expect(definition.source).toMatchObject({ query: 'SELECT row_number() OVER () AS "row_number", * FROM data' });
    expect(definition.split).toMatchObject({ kind: 'random', key: ['row_number'] });
    expect(Object.keys(definition.features)).toEqual(['a', 'b']);
    expect([unfit, ...anomalies]).toEqual([undefined]);
  });

  it('does not divide rows by class that are alike and have several', async () => {
    const { definition, unfit } = await draft('x,y', 'y', (i) => [(i * 7) % 150, [' a', 'b ', 'a'][Math.floor(Math.abs(noise(i)) * 3)]]);
    expect(definition.split).toMatchObject({ key: ['x'], stratify: false });
    expect(definition.crossValidation).toEqual({ kind: 'k-fold', folds: 5 });
    expect(unfit).toBeUndefined();
  });

  it('reads units, decimal commas of three digits, and names that occur twice', async () => {
    const { definition, remarks } = await draft(
      'size;size;weight;y',
      'y',
      (i) => [`0,${100 + i}`, i % 50, `${i % 77}.5 kg`, noise(i) > 0],
      400,
      ';',
    );
    expect(definition.columns).toMatchObject({ size: { type: 'float' }, size_2: { type: 'integer' }, weight: { type: 'float' } });
    expect(remarks.get('source')).toMatch(
      /bears a name twice.*"size" holds numbers with a decimal comma; "weight" holds numbers with the unit kg/,
    );
  });

  it('sets limits that the present data keep, and freezes their schema', async () => {
    const { definition, anomalies, schema } = await draft('a,b,y', 'y', (i) => [i % 40, noise(i % 200).toFixed(4), noise(i % 200, 2) > 0]);
    expect(definition.expectations!.duplicates!.max).toBeGreaterThan(0.5);
    expect(anomalies).toEqual([]);
    expect(schema).toMatchObject({ rows: 400, columns: { a: { type: 'VARCHAR' } } });
  });

  it('does without a column named __proto__', async () => {
    const drafted = await draft('__proto__,constructor,y', 'y', (i) => [noise(i), noise(i, 3), noise(i, 2) > 0]);
    expect(Object.keys(drafted.definition.features)).toEqual(['constructor']);
    expect(drafted.leftOut.map(({ column }) => column)).toEqual(['__proto__']);
  });
});
