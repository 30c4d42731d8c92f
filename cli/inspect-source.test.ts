import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from '@jest/globals';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { inspectSource, type InspectedSource } from '../ml/data/init/inspect-source.js';

const root = mkdtempSync(join(tmpdir(), 'anneal-inspect-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function inspect(name: string, content: string | Uint8Array, column?: string): Promise<InspectedSource & { readonly rows: number }> {
  writeFileSync(join(root, name), content);
  const context = { store: new FileArtifactStore(join(root, 'store')), scratchRoot: root };
  const inspected = await inspectSource({ places: [name], column }, root, context);
  return { ...inspected, rows: inspected.snapshot.rows };
}

const lines = (header: string, row: (i: number) => string, count = 60): string =>
  `${header}\n${Array.from({ length: count }, (_, i) => row(i)).join('\n')}\n`;

describe('inspectSource', () => {
  it('tells types by the values, keeps leading zeros, and counts what is missing or of another type', async () => {
    const { rows, columns } = await inspect(
      'types.csv',
      lines('n,code,price,flag,day,text', (i) =>
        [
          i === 7 ? 'seven' : i,
          String(i).padStart(5, '0'),
          i % 10 === 0 ? 'NA' : i / 4,
          i % 2 === 0 ? 'true' : 'false',
          `2020-01-${String((i % 28) + 1).padStart(2, '0')}`,
          `word${i % 3} and more`,
        ].join(','),
      ),
    );
    expect(rows).toBe(60);
    expect(columns.map(({ name, type }) => [name, type])).toEqual([
      ['n', 'integer'],
      ['code', 'string'],
      ['price', 'float'],
      ['flag', 'boolean'],
      ['day', 'timestamp'],
      ['text', 'string'],
    ]);
    expect(columns[0]).toMatchObject({ unreadable: 1, missing: 0, distinct: 59 });
    expect(columns[2]).toMatchObject({ unreadable: 0, missing: 6 });
    expect(columns[4].times).toMatchObject({ isSorted: false, parts: ['dayOfMonth', 'dayOfWeek'] });
    expect(columns[5]).toMatchObject({ words: 3, distinct: 3, top: [{ rows: 20 }, { rows: 20 }, { rows: 20 }] });
  });

  it('counts the values of a column that has as many as rows, and ranks none', async () => {
    const { columns } = await inspect(
      'many.csv',
      lines('x,n', (i) => `${i / 7},${i % 50}`, 1500),
    );
    expect(columns[0]).toMatchObject({ type: 'float', distinct: 1500, top: [] });
    expect(columns[1]).toMatchObject({ type: 'integer', distinct: 50 });
    expect(columns[1].top).toHaveLength(50);
  });

  it('finds dialect, encoding and compression of a text', async () => {
    const semicolons = await inspect(
      'a.csv',
      lines('name;size', (i) => `"a;b";${i}`),
    );
    expect(semicolons.source).toEqual({ format: 'csv', uri: 'a.csv', delimiter: ';' });
    expect(semicolons.columns.map(({ name }) => name)).toEqual(['name', 'size']);
    const tabs = await inspect(
      'b.txt',
      lines('name\tsize', (i) => `a\t${i}`),
    );
    expect(tabs.source).toMatchObject({ format: 'tsv' });
    const latin = await inspect(
      'c.csv',
      Buffer.from(
        lines('ort,n', (i) => `K\u00f6ln,${i}`),
        'latin1',
      ),
    );
    expect(latin.source).toMatchObject({ encoding: 'windows-1252' });
    expect(latin.columns[0].top[0].value).toBe('K\u00f6ln');
    const zipped = await inspect('d.csv.gz', gzipSync(lines('a,b', (i) => `${i},x`)));
    expect(zipped).toMatchObject({ source: { format: 'csv' }, rows: 60 });
    const bare = await inspect(
      'e.csv',
      lines('1,2', (i) => `${i},${i}`),
    );
    expect(bare.source).toMatchObject({ header: false });
    expect(bare.rows).toBe(61);
  });

  it('reads lists and lines of JSON, and a file without an ending by its content', async () => {
    const list = JSON.stringify(Array.from({ length: 40 }, (_, i) => ({ a: i, b: { c: 1 } })));
    const nested = await inspect('a.json', list);
    expect(nested.columns).toMatchObject([{ type: 'integer' }, { sourceType: expect.stringContaining('STRUCT') }]);
    expect(nested.columns[1].type).toBeUndefined();
    expect((await inspect('b', list)).source.format).toBe('json');
    expect(
      (
        await inspect(
          'c',
          lines('a,b', (i) => `${i},${i}`),
        )
      ).source.format,
    ).toBe('csv');
  });

  it('names what is wrong with a file that cannot be read', async () => {
    await expect(inspect('broken.parquet', 'PAR1 and no more')).rejects.toThrow(/broken\.parquet.*parquet/);
    await expect(inspect('empty.csv', '')).rejects.toThrow(/empty\.csv/);
  });
});
