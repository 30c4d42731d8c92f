import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './project-root.js';
import { runAnneal } from '../testing/run-anneal.js';

/** The command as a person calls it: another process, with its exit code and what it prints. */
let home: string;
let nowhere: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'anneal-command-'));
  nowhere = String(await unusedPort());
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function anneal(args: readonly string[], { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {}) {
  const own = { HOME: home, ANNEAL_HOME: home, ANNEAL_TEMPORAL_PORT: nowhere, ANNEAL_HTTP_PORT: nowhere };
  return runAnneal(args, { ...own, ...env }, { input });
}

const stackTrace = /\n\s+at .+:\d+/;

describe('anneal', () => {
  test.each([
    [['--help'], /Usage: anneal/],
    [['run', '--help'], /Examples:\n {2}anneal run flight-delay --wait/],
    [['schedule', 'create', '--help'], /--cron <expression>/],
  ])('%j prints help and succeeds', async (args, text) => {
    const { code, stdout } = await anneal(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(text);
  });

  test.each([
    [['frobnicate'], /unknown command 'frobnicate'/],
    [[], /Usage: anneal/],
    [['run'], /missing required argument 'pipeline'/],
    [['runs', '--limit', 'many'], /whole number/],
    [['approve', 'x'], /--reason/],
    [['run', 'no-such-pipeline'], /no pipeline "no-such-pipeline".*pipelines are/],
    [['run', 'flight-delay', '--set', 'training.epochs'], /--set path=value/],
    [['predict', 'flight-delay', 'origin=SFO'], /not valid JSON/],
    [['batch', 'flight-delay', '--output', 'x'], /--input/],
    [['batch', 'flight-delay', '--input', 'nowhere', '--output', 'x'], /format of "nowhere"/],
    [['batch', 'flight-delay', '--input', 'x.csv', '--output', 'ftp://x/y'], /neither a folder nor s3/],
    [['batch', 'flight-delay', '--input', 'x.csv', '--output', 'x', '--max-rejects', '2'], /share from 0 to 1/],
    [['report'], /missing required argument 'run'/],
    [['report', 'x', '--json', '--output', 'x.html'], /--json or --output/],
    [['schedule', 'create', 'flight-delay'], /--cron/],
  ])('%j is wrong usage, said in one paragraph', async (args, text) => {
    const { code, stderr } = await anneal(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(text) });
    expect(stderr).not.toMatch(stackTrace);
  });

  test('says how to start the stack when Temporal cannot be reached', async () => {
    const { code, stdout, stderr } = await anneal(['runs', '--json']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(new RegExp(`^Temporal cannot be reached at 127\\.0\\.0\\.1:${nowhere}\\. Start the stack with "anneal up"`));
    expect(stderr).not.toMatch(stackTrace);
  });

  test('shows where an error comes from when it is asked to', async () => {
    const { code, stderr } = await anneal(['runs', '--debug']);
    expect(code).toBe(1);
    expect(stderr).toMatch(stackTrace);
  });

  test('says where it looked for the inference host', async () => {
    const { code, stderr } = await anneal(['predict', 'flight-delay', '-'], { input: '{"origin":"SFO"}' });
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`does not answer at http://127\\.0\\.0\\.1:${nowhere}`));
  });

  test.each([
    [{ TEMPORAL_ADDRESS: '127.0.0.1:1' }, /^TEMPORAL_ADDRESS is set to 127\.0\.0\.1:1, but no Temporal server/],
    [{ MLFLOW_TRACKING_URI: 'http://127.0.0.1:1' }, /^MLFLOW_TRACKING_URI is set to http:\/\/127\.0\.0\.1:1, but no MLflow server/],
  ])('does not start a stack with %j, since no server answers there', async (env, text) => {
    const ports = {
      ANNEAL_TEMPORAL_UI_PORT: String(await unusedPort()),
      ANNEAL_MLFLOW_PORT: String(await unusedPort()),
      ANNEAL_GRPC_PORT: String(await unusedPort()),
    };
    const { code, stderr } = await anneal(['up', '--json'], { env: { ANNEAL_HTTP_PORT: String(await unusedPort()), ...ports, ...env } });
    expect(code).toBe(1);
    expect(
      stderr
        .split('\n')
        .filter((line) => line !== '')
        .at(-1),
    ).toMatch(text);
  });

  test('has nothing to stop where no stack runs', async () => {
    const { code, stdout } = await anneal(['down', '--json']);
    expect({ code, stdout: JSON.parse(stdout) as unknown }).toEqual({ code: 0, stdout: { stopped: false, home } });
  });

  test('takes a pipeline file from a folder without a package', async () => {
    const path = join(home, 'mine.ts');
    writeFileSync(path, "export default { name: 'mine' as string };");
    const { code, stderr } = await anneal(['run', path]);
    expect(code).not.toBe(0);
    expect(stderr).not.toContain('could not be loaded');
    expect(stderr).toMatch(/definition of pipeline "mine" is not valid: source:/);
  });

  test('says what is wrong in the definition of a pipeline file, wherever it lies', async () => {
    const path = join(home, 'wrong.mts');
    const contracts = join(projectRoot, 'contracts', 'pipeline.js');
    writeFileSync(
      path,
      `import { definePipeline } from ${JSON.stringify(contracts)};\nexport default definePipeline({ name: 'A b' } as never);`,
    );
    const { code, stderr } = await anneal(['run', path]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^The definition of pipeline "A b" is not valid/) });
    expect(stderr).not.toMatch(stackTrace);
  });
});
