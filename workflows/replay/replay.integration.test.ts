import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { testWorkflowBundle } from '../../testing/workflow-environment.js';
import { bundledFolders } from '../../workers/kept-bundle.js';

const folder = new URL('.', import.meta.url).pathname;
const histories = readdirSync(folder).filter((name) => name.endsWith('.json'));

interface HistoryJson {
  workflowId: string;
  events: { eventType: string; activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
}

function read(name: string): HistoryJson {
  return JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as HistoryJson;
}

async function replay(history: HistoryJson, traced = false): Promise<void> {
  await Worker.runReplayHistory({ workflowBundle: await testWorkflowBundle({ traced }) }, history, history.workflowId);
}

describe('a run that began before a change', () => {
  it('has a kept history of every workflow', () => {
    const kept = histories.join(' ');
    for (const workflow of [
      'training-pipeline',
      'sweep',
      'trial',
      'cross-validation',
      'fold',
      'model-lifecycle',
      'rollout',
      'batch-inference',
    ])
      expect(kept).toContain(workflow);
  });

  it.each(histories)('goes on with the code of today: %s', async (name) => {
    await replay(read(name));
  });

  it.each(histories)('goes on where spans are sent from now on: %s', async (name) => {
    await replay(read(name), true);
  });

  it('is refused when its history asks for something else', async () => {
    const history = read('training-pipeline-promoted.json');
    const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes?.activityType.name === 'prepareDataset');
    scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'somethingElse';
    await expect(replay(history)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});

describe('the bundle of the workflows', () => {
  it('carries no code that is made for pipelines that come in: every workflow that starts would run it', async () => {
    const { code } = await testWorkflowBundle();
    expect(code).toContain('./contracts/pipeline/metrics.ts');
    expect(code).not.toContain('node_modules/zod/');
    expect(code).not.toContain('./contracts/pipeline/schema.ts');
  });

  it('is of the folders alone whose change makes it anew', async () => {
    const { code } = await testWorkflowBundle({ traced: true });
    const ours = [...code.matchAll(/^ *!\*\*\* \.\/(\S+\.ts) \*\*\*!$/gm)]
      .map(([, path]) => path)
      .filter((path) => !path.startsWith('node_modules/'));
    expect(ours).toContain('ml/search/successive-halving.ts');
    expect(ours.filter((path) => !bundledFolders.some((folder) => path.startsWith(`${folder}/`)))).toEqual([]);
  });
});
