import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FrozenSchema } from '../contracts/pipeline.js';
import { loadPipeline } from './load-pipeline.js';
import { schemaChanges, withDecisions } from './schema-changes.js';
import { formatSchema } from './schema-file.js';
import { schema } from './schema.js';

let folder: string;
let printed: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-schema-'));
  process.env.ANNEAL_HOME = join(folder, 'home');
  process.exitCode = undefined;
  printed = [];
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
  write(['a', 'b', 'c']);
  writeFileSync(
    join(folder, 'shop.mjs'),
    `export default { name: 'shop', source: { format: 'csv', uri: ${JSON.stringify(join(folder, 'shop.csv'))} },
      columns: { id: { type: 'integer' }, kind: { type: 'string' }, spent: { type: 'float' } },
      target: { task: 'binary', name: 'big', expression: 'spent > 20' }, split: { kind: 'random' },
      features: { kind: { kind: 'categorical', column: 'kind' } }, model: { family: 'linear' } };`,
  );
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env.ANNEAL_HOME;
  process.exitCode = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function write(kinds: readonly string[]): void {
  const rows = Array.from({ length: 600 }, (_, i) => `${i},${kinds[i % kinds.length]},${(i * 7) % 50}`);
  writeFileSync(join(folder, 'shop.csv'), ['id,kind,spent', ...rows].join('\n'));
}

const pipeline = () => join(folder, 'shop.mjs');
const file = () => readFileSync(join(folder, 'shop.schema.json'), 'utf8');

describe('anneal schema', () => {
  it('fails a check without a file, writes one, and then finds the data like it', async () => {
    await schema(pipeline(), { check: true });
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
    await schema(pipeline(), { write: true });
    const first = file();
    const { columns, rows } = JSON.parse(first) as FrozenSchema;
    expect(rows).toBe(600);
    expect(columns.kind).toEqual({
      type: 'VARCHAR',
      presence: 'required',
      maxMissing: 0.01,
      domain: ['a', 'b', 'c'],
      distribution: { kind: 'categories', shares: { a: 0.333333, b: 0.333333, c: 0.333333 } },
    });
    expect(columns.spent.range).toEqual({ min: 0, max: 61.25 });
    expect(columns.id).toEqual({ type: 'VARCHAR', presence: 'required', maxMissing: 0.01 });
    await schema(pipeline(), { check: true });
    expect(process.exitCode).toBeUndefined();
    await schema(pipeline(), { write: true });
    expect(file()).toBe(first);
  });

  it('says what has changed, and keeps what somebody decided', async () => {
    await schema(pipeline(), { write: true });
    const decided = JSON.parse(file()) as { columns: Record<string, object> };
    decided.columns.id = { ...decided.columns.id, unique: true };
    writeFileSync(join(folder, 'shop.schema.json'), JSON.stringify(decided));
    write(['a', 'b']);
    printed = [];
    await schema(pipeline(), {});
    expect(printed.join('')).toContain('~ kind.domain: ["a","b","c"] → ["a","b"]');
    await schema(pipeline(), { write: true });
    expect((JSON.parse(file()) as FrozenSchema).columns.id.unique).toBe(true);
  });

  it('checks limits, which ordinary differences keep, and equality where it is asked for', async () => {
    await schema(pipeline(), { write: true });
    write(Array.from({ length: 20 }, (_, i) => 'abc'[i % 3]));
    printed = [];
    await schema(pipeline(), { check: true });
    expect(printed.join('')).toMatch(/600 rows of the data are within the limits of .*shop\.schema\.json/);
    expect(process.exitCode).toBeUndefined();
    await schema(pipeline(), { check: true, exact: true });
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
    write(['a', 'a', 'a', 'a', 'b', 'c']);
    printed = [];
    await schema(pipeline(), { check: true });
    expect(process.exitCode).toBe(1);
    expect(printed.join('')).toMatch(/beyond {2}kind: drift, 0\.333; .*at most 0\.1\)/);
  });

  it('becomes part of the pipeline that lies beside it', async () => {
    expect((await loadPipeline(pipeline())).schema).toBeUndefined();
    await schema(pipeline(), { write: true });
    expect((await loadPipeline(pipeline())).schema?.columns.kind.domain).toEqual(['a', 'b', 'c']);
  });

  it('names the file that cannot be used, and what is wrong with it', async () => {
    writeFileSync(join(folder, 'shop.schema.json'), '{"formatVersion":1,"rows":1,"columns":{"id":{"type":"INTEGER","maxMissing":7}}}');
    await expect(loadPipeline(pipeline())).rejects.toThrow(/shop\.schema\.json cannot be used: columns\.id\.maxMissing.*--write/);
    writeFileSync(join(folder, 'shop.schema.json'), '{');
    await expect(loadPipeline(pipeline())).rejects.toThrow(/shop\.schema\.json cannot be used: .*JSON/);
  });
});

describe('two schemas', () => {
  const column = { type: 'VARCHAR', presence: 'required' } as const;
  const one: FrozenSchema = { formatVersion: 1, rows: 10, columns: { a: { ...column, maxMissing: 0.1 }, gone: column } };
  const two: FrozenSchema = { formatVersion: 1, rows: 12, columns: { a: { ...column, maxMissing: 0.2 }, come: column } };

  it('differ by a line a fact', () => {
    expect(schemaChanges(one, two)).toEqual(['~ rows: 10 → 12', '~ a.maxMissing: 0.1 → 0.2', '+ come: VARCHAR', '- gone: VARCHAR']);
    expect(schemaChanges(one, one)).toEqual([]);
  });

  it('are told apart without their shares and long lists', () => {
    const edges = Array.from({ length: 41 }, (_, i) => i / 7);
    const shares = edges.slice(1).map(() => 0.025);
    const domain = Array.from({ length: 40 }, (_, i) => `value ${i}`);
    const before: FrozenSchema = {
      ...one,
      columns: {
        x: { ...column, distribution: { kind: 'histogram', edges, shares } },
        k: { ...column, domain, distribution: { kind: 'categories', shares: { a: 0.743, b: 0.257 } } },
      },
    };
    const after: FrozenSchema = {
      ...one,
      columns: {
        x: { ...column, distribution: { kind: 'histogram', edges, shares: [0.027, 0.023, ...shares.slice(2)] } },
        k: { ...column, domain: [...domain.slice(1), 'other'], distribution: { kind: 'categories', shares: { a: 0.745, b: 0.255 } } },
      },
    };
    expect(schemaChanges(before, after)).toEqual([
      '~ k.domain: 40 → 40 values; new: "other"; gone: "value 0"',
      '~ k.distribution: moved by 0.002 (L∞), most "a", 0.743 → 0.745',
      '~ x.distribution: the same bins, of which none moved by more than 0.002',
    ]);
  });

  it('read as one text, whatever the order of their columns', () => {
    const turned = { ...one, columns: Object.fromEntries(Object.entries(one.columns).reverse()) };
    expect(formatSchema(turned)).toBe(formatSchema(one));
    expect(JSON.parse(formatSchema(one))).toEqual(one);
  });

  it('keep optional columns and limits that were set by hand', () => {
    const shares = { kind: 'categories', shares: { x: 1 } } as const;
    const file: FrozenSchema = {
      ...one,
      columns: { a: { ...column, distribution: { ...shares, max: 0.3 } }, sometimes: { ...column, presence: 'optional' } },
    };
    const inferred = { ...two, columns: { a: { ...column, distribution: shares } } };
    expect(withDecisions(inferred, file).columns).toEqual({
      a: { ...column, distribution: { ...shares, max: 0.3 } },
      sometimes: { ...column, presence: 'optional' },
    });
  });
});
