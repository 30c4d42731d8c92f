import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { scoredRows, writeScoredVersion } from '../../serving/testing/scored-bundle.js';
import { startServingProcess } from '../../serving/testing/serving-process.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { ordinary, far } = scoredRows;

describe('anneal predict and a host that answers some rows otherwise', () => {
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

  async function predict(...args: string[]): Promise<string> {
    const rows = JSON.stringify([ordinary.row, far.row]);
    const command = [join(root, 'cli', 'anneal.mjs'), 'predict', 'cautious', rows, '--url', serving.url, ...args];
    const env = { PATH: process.env.PATH, HOME: directory, ANNEAL_HOME: join(directory, 'home') };
    return (await promisify(execFile)(process.execPath, command, { cwd: root, env })).stdout;
  }

  test('prints all that the host says, and says it for people', async () => {
    const [json, text] = await Promise.all([predict('--json'), predict()]);
    expect(JSON.parse(json)).toMatchObject({ model: 'cautious', version: '1', degraded: 'prior', anomalous: [1] });
    const [first, second] = text.trimEnd().split('\n');
    expect(first).not.toContain(';');
    expect(second).toMatch(/; answered by the training prior; unlike the training rows/);
  });
});
