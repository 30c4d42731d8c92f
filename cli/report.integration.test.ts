import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DataFixture } from '../activities/data-fixture.js';
import type { ValidationResult } from '../contracts/activities.js';
import type { ValidationReport } from '../contracts/dataset.js';
import { pipelineWorkflowId } from '../contracts/ids.js';
import type { FrozenSchema, PipelineSpec } from '../contracts/pipeline.js';
import { taskQueues } from '../contracts/task-queues.js';
import { statusQuery } from '../contracts/training-pipeline.js';
import { FakeStages } from '../testing/fake-stages.js';
import { createWorkflowEnvironment, withWorkers } from '../testing/workflow-environment.js';
import type { trainingPipeline } from '../workflows/training-pipeline.js';
import { loadPipeline } from './load-pipeline.js';
import { report } from './report.js';
import { run } from './run.js';
import { listRuns } from './runs.js';
import { schema } from './schema.js';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof trainingPipeline>;

const fixture = new DataFixture();
const pipeline = join(fixture.root, 'shop.mjs');
let environment: TestWorkflowEnvironment;
let spec: PipelineSpec;
let validated: ValidationResult;
let printed: string[];

beforeAll(async () => {
  environment = await createWorkflowEnvironment();
  const rows = Array.from({ length: 600 }, (_, i) => `2024-01-0${1 + (i % 9)},${'abc'[i % 3]},${(i * 7) % 50}`);
  fixture.write('shop.csv', ['at,kind,spent', ...rows].join('\n'));
  fixture.write(
    'shop.mjs',
    `export default { name: 'shop', source: { format: 'csv', uri: ${JSON.stringify(join(fixture.root, 'shop.csv'))}, window: { column: 'at', since: '2024-01-01' } },
      columns: { kind: { type: 'string' }, spent: { type: 'float' } },
      target: { task: 'binary', name: 'big', expression: 'spent > 20' }, split: { kind: 'random' },
      features: { kind: { kind: 'categorical', column: 'kind' } }, model: { family: 'linear' } };`,
  );
  spec = await loadPipeline(pipeline);
  validated = await fixture.validate(spec);
});
afterAll(async () => {
  await environment?.teardown();
  fixture.dispose();
});

beforeEach(() => {
  process.env.ANNEAL_HOME = join(fixture.root, 'home');
  process.env.ANNEAL_ARTIFACTS = join(fixture.root, 'store');
  process.env.TEMPORAL_ADDRESS = environment.address;
  printed = [];
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
});
afterEach(() => {
  jest.restoreAllMocks();
  for (const name of ['ANNEAL_HOME', 'ANNEAL_ARTIFACTS', 'TEMPORAL_ADDRESS']) delete process.env[name];
  process.exitCode = undefined;
});

let runs = 0;
/** A run whose validation was a real one, all else stood in for. */
function withRun(stages: FakeStages, work: (run: string, handle: Handle) => Promise<void>): Promise<void> {
  return withWorkers(environment, stages.activities(), async () => {
    const name = `data-${runs++}`;
    const workflowId = pipelineWorkflowId(spec.name, name);
    const handle = await environment.client.workflow.start<typeof trainingPipeline>('trainingPipeline', {
      workflowId,
      taskQueue: taskQueues.orchestration,
      args: [{ spec }],
    });
    try {
      // By the workflow's id: a run that began a moment ago may not be listed yet.
      await work(workflowId, handle);
    } finally {
      await handle.terminate().catch(() => undefined);
    }
  });
}

async function until(handle: Handle, state: string): Promise<void> {
  while ((await handle.query(statusQuery)).state !== state) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('anneal report', () => {
  it('writes the page of a run, and prints what it has found', async () => {
    await withRun(new FakeStages({ onValidate: () => validated }), async (id, handle) => {
      await handle.result();
      const page = join(fixture.root, 'page.html');
      await report(id, { output: page });
      expect(printed.join('')).toBe(`${page}\n`);
      expect(readFileSync(page)).toEqual(Buffer.from(await fixture.store.readBytes(validated.page!)));
      printed = [];
      await report(id, { json: true });
      expect(JSON.parse(printed.join(''))).toEqual(await fixture.store.readJson<ValidationReport>(validated.report));

      process.env.ANNEAL_ARTIFACTS = join(fixture.root, 'another-store');
      await expect(report(id, { output: page })).rejects.toThrow(/artifact store .*another-store.*ANNEAL_HOME or ANNEAL_ARTIFACT_STORE/);
      process.env.ANNEAL_ARTIFACTS = join(fixture.root, 'store');
      await expect(report(id, { output: join(fixture.root, 'nowhere', 'page.html') })).rejects.toThrow(/cannot be written.*--output/);
    });
  });

  it('says that there is no such run, and none that was validated', async () => {
    let goOn = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const validating = new FakeStages({ onActivity: (name) => (name === 'validateDataset' ? asked : undefined) });
    await withRun(validating, async (id) => {
      await expect(report(id, {})).rejects.toThrow(/has no data report.*"anneal show/);
      await expect(schema(pipeline, { fromRun: id })).rejects.toThrow(/has not validated its data yet/);
      await expect(report('20240101-000000-none', {})).rejects.toThrow(/There is no run "20240101-000000-none".*"anneal runs"/);
      await expect(report(pipelineWorkflowId('shop', 'none'), {})).rejects.toThrow(/There is no run with the workflow id/);
      await expect(report(id, { json: true, output: 'x' })).rejects.toThrow(/not both/);
      goOn();
    });
  });
});

describe('anneal runs', () => {
  it('says of a run that goes on what it waits for', async () => {
    const refused = { ...validated, passed: false, refusal: 'The data are bad.' };
    await withRun(new FakeStages({ onValidate: () => refused }), async (id, handle) => {
      await until(handle, 'awaiting-override');
      const stateOf = async () => (await listRuns(environment.client, { limit: 20 })).find(({ workflowId }) => workflowId === id)?.state;
      // The list follows a moment later.
      while ((await stateOf()) !== 'awaiting-override') await new Promise((resolve) => setTimeout(resolve, 100));
      await handle.cancel();
      while ((await stateOf()) !== 'cancelled') await new Promise((resolve) => setTimeout(resolve, 100));
    });
  });
});

describe('anneal schema --from-run', () => {
  it('takes the schema of a run that waits for a decision, which is that of the source', async () => {
    const refused = { ...validated, passed: false, refusal: 'The data are bad.' };
    await withRun(new FakeStages({ onValidate: () => refused }), async (id, handle) => {
      await until(handle, 'awaiting-override');
      await schema(pipeline, { fromRun: id, write: true });
      const { columns, rows } = JSON.parse(readFileSync(join(fixture.root, 'shop.schema.json'), 'utf8')) as FrozenSchema;
      expect([rows, columns.kind.domain]).toEqual([600, ['a', 'b', 'c']]);
      await schema(pipeline, { check: true });
      expect(process.exitCode).toBeUndefined();
    });
  });

  it('refuses the run of another pipeline', async () => {
    mkdirSync(join(fixture.root, 'other'));
    const other = join(fixture.root, 'other', 'other.mjs');
    writeFileSync(other, readFileSync(pipeline, 'utf8').replace(`name: 'shop'`, `name: 'other'`));
    await withRun(new FakeStages({ onValidate: () => validated }), async (id) => {
      await expect(schema(other, { fromRun: id })).rejects.toThrow(/is one of shop, not of other.*anneal runs --pipeline other/);
    });
  });
});

describe('anneal run --since --until', () => {
  it('reads the window that was asked for, in place of the one in the file', async () => {
    const stages = new FakeStages({ onValidate: () => validated });
    await withWorkers(environment, stages.activities(), async () => {
      await run(pipeline, { since: '-30d', until: '2099-06-01', json: true });
      const { workflowId } = JSON.parse(printed.join('')) as { workflowId: string };
      const handle = environment.client.workflow.getHandle(workflowId);
      await handle.result();
      const { startTime } = await handle.describe();
      const since = new Date(startTime.getTime() - 30 * 86_400_000).toISOString();
      expect(stages.ingested).toHaveLength(1);
      expect(stages.ingested[0].window).toEqual({ column: 'at', since, until: '2099-06-01' });
    });
  });

  it.each([
    [{ since: 'last week' }, /--since "last week" is no time/],
    [{ until: '2024-01-01", "column": "spent' }, /--until .* is no time/],
  ])('refuses %j before anything starts', async (window, message) => {
    await expect(run(pipeline, window)).rejects.toThrow(message);
  });
});
