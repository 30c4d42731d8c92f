import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scoredRows, writeScoredVersion } from '../../serving/testing/scored-bundle.js';
import { startServingProcess } from '../../serving/testing/serving-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { ordinary, far } = scoredRows;

describe('anneal predict and what a host answers', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-degraded-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess();
    const files = await writeScoredVersion(join(directory, 'cautious'), 0, {
      degrade: { prior: true },
      anomaly: { policy: 'fallback', threshold: 0.9 },
    });
    await serving.stage('cautious', '1', files);
    await serving.command('activate', { model: 'cautious', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function run(...args: string[]) {
    const command = [join(root, 'cli', 'anneal.mjs'), 'predict', 'cautious', ...args, '--url', serving.url];
    const env = { PATH: process.env.PATH, HOME: directory, ANNEAL_HOME: join(directory, 'home') };
    return promisify(execFile)(process.execPath, command, { cwd: root, env });
  }

  test('prints all that the host says, and says it for people', async () => {
    const rows = JSON.stringify([ordinary.row, far.row]);
    const [{ stdout: json }, { stdout: text }] = await Promise.all([run(rows, '--json'), run(rows)]);
    expect(JSON.parse(json)).toMatchObject({ model: 'cautious', version: '1', degraded: 'prior', anomalous: [1] });
    const [first, second] = text.trimEnd().split('\n');
    expect(first).not.toContain(';');
    expect(second).toMatch(/; answered by the training prior; unlike the training rows/);
  });

  test.each([
    [1500, 1000],
    [900, 0],
  ])('ends at row %i, which is refused, with the %i rows of the whole requests before it', async (refused, written) => {
    const path = join(directory, `refused-${refused}.jsonl`);
    const rows = Array.from({ length: 1600 }, (_, i) =>
      JSON.stringify(i + 1 === refused ? { ...ordinary.row, distance: 'far' } : ordinary.row),
    );
    writeFileSync(path, rows.join('\n'));
    const failure = (await run('--file', path, '--output', 'jsonl').catch((error: unknown) => error)) as { stdout: string; stderr: string };
    expect(failure.stderr).toContain(`Row ${refused} of ${path}`);
    expect(failure.stdout.split('\n').length - 1).toBe(written);
  });

  test('counts rows that are given as an argument from 1, as those of files', async () => {
    const rows = JSON.stringify([ordinary.row, { ...ordinary.row, distance: 'far' }]);
    const failure = (await run(rows).catch((error: unknown) => error)) as { stderr: string };
    expect(failure.stderr).toContain('Row 2: column "distance"');
  });
});
