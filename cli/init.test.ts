import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { loadPipeline } from './load-pipeline.js';
import { readSchemaFile, schemaPath } from './schema-file.js';

const root = mkdtempSync(join(tmpdir(), 'anneal-init-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
writeFileSync(
  join(root, 'Churn 2020.csv'),
  `id,months,plan,churned\n${Array.from({ length: 200 }, (_, i) => `${i},${(i * 7) % 50},${'abc'[i % 3]},${i % 4 === 0 ? 'yes' : 'no'}`).join('\n')}\n`,
);

function anneal(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = fileURLToPath(new URL('anneal.mjs', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

describe('anneal init', () => {
  it('writes a pipeline that loads, once', async () => {
    const first = await anneal('init', 'Churn 2020.csv', '--target', 'churned', '--json');
    // On a slow machine it says what it looks at.
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/^( *looks at .*\n)*$/) });
    expect(JSON.parse(first.stdout)).toEqual({
      file: join('pipelines', 'churn-2020.ts'),
      schema: join('pipelines', 'churn-2020.schema.json'),
      pipeline: 'churn-2020',
      task: 'binary',
      rows: 200,
      features: ['months', 'plan'],
      leftOut: [{ column: 'id', reason: 'it numbers the rows' }],
      anomalies: [],
    });
    const file = join(root, 'pipelines/churn-2020.ts');
    expect(readFileSync(file, 'utf8')).toContain('// Not used: ');
    expect(Object.keys(readSchemaFile(schemaPath(file))!.columns)).toEqual(['churned', 'id', 'months', 'plan']);
    // As it is loaded where relative imports of a temporary folder lead nowhere.
    const inside = join(fileURLToPath(new URL('../pipelines', import.meta.url)), `init-test-${process.pid}.ts`);
    writeFileSync(inside, readFileSync(file, 'utf8').replace(/from '.*'/, "from '../contracts/pipeline.js'"));
    try {
      expect((await loadPipeline(inside)).target).toMatchObject({ expression: `"churned" = 'yes'` });
    } finally {
      rmSync(inside);
    }
    const again = await anneal('init', 'Churn 2020.csv', '--target', 'churned');
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/is there already.*--force/s);
  });

  it('names a file outside of the folder by its absolute path', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'anneal-init-outside-'));
    try {
      const file = join(outside, 'churn.ts');
      const { stdout } = await anneal('init', 'Churn 2020.csv', '--target', 'churned', '--output', file);
      expect(stdout).toContain(`Wrote ${file}: binary of "churned"`);
      expect(stdout).toContain(`Wrote ${schemaPath(file)}: `);
      expect(stdout).toContain(`"anneal run ${file} --wait"`);
    } finally {
      rmSync(outside, { recursive: true, force: true });
    }
  });

  it('writes nothing when no pipeline can be made', async () => {
    const unknown = await anneal('init', 'Churn 2020.csv', '--target', 'Churned', '--name', 'other');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/There is no column "Churned"\. Did you mean "churned"\?/);
    const missing = await anneal('init', 'nothing.csv', '--target', 'x');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/nothing\.csv.*Put the file there, or correct the path\.$/m);
    const unmatched = await anneal('init', 'nothing/*.csv', '--target', 'x', '--name', 'other');
    expect(unmatched.stderr).toMatch(/no file matches the pattern.*or correct the path; /);
    expect(existsSync(join(root, 'pipelines/other.ts'))).toBe(false);
  });
});
