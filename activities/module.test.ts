import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { ExportInput } from '../contracts/activities.js';
import type { GoldenOutputs, ModelBundle, ModelManifest } from '../contracts/model.js';
import { type ModelSpec, primaryMetric } from '../contracts/pipeline.js';
import type { TrainInput, TrainProgress, TrainResult } from '../contracts/training.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { openModel, predictWith } from '../ml/export/run-model.js';
import { bundleModule } from '../ml/models/module/bundle-module.js';
import { loadedModule } from '../ml/models/module/load-module.js';
import { TrainingChildren } from '../ml/train/child/run-in-child.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createExportActivities } from './export.js';
import { preparedFixture, type PreparedFixture } from './prepared-fixture.js';
import { createTrainingActivities } from './train.js';

let root: string;
let store: FileArtifactStore;
let fixture: PreparedFixture;
let children: TrainingChildren;
let model: Extract<ModelSpec, { family: 'module' }>;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-module-activity-'));
  store = new FileArtifactStore(join(root, 'store'));
  mkdirSync(join(root, 'scratch'));
  children = new TrainingChildren();
  fixture = await preparedFixture(store, root, 'binary');
  const path = fileURLToPath(new URL('../pipelines/models/penguin-net.ts', import.meta.url));
  const source = await store.putBytes(await bundleModule('./penguin-net.ts', path));
  model = { family: 'module', module: './penguin-net.ts', options: { units: 12 }, source };
});

afterAll(async () => {
  await children.close();
  rmSync(root, { recursive: true });
});

function attempt(key: string, changes: Partial<TrainInput> = {}, heartbeatDetails?: unknown) {
  const environment = new MockActivityEnvironment({ heartbeatDetails }, { logger: new DefaultLogger('ERROR') });
  const beats: (TrainProgress | undefined)[] = [];
  environment.on('heartbeat', (progress?: TrainProgress) => beats.push(progress));
  const activities = createTrainingActivities({ store, threads: 1, slots: 1, scratchRoot: join(root, 'scratch'), children });
  const { spec, ref } = fixture;
  const input: TrainInput = {
    key,
    prepared: ref,
    model,
    training: { ...spec.training, epochs: 30, checkpointEverySeconds: 0.05 },
    primaryMetric: primaryMetric(spec),
    ...changes,
  };
  return {
    environment,
    beats,
    result: environment.run((given: TrainInput): Promise<TrainResult> => activities.trainModel(given), input) as Promise<TrainResult>,
  };
}

it('is trained in a child process, killed, taken up again to the bit, and exported where its code was never loaded', async () => {
  const whole = await attempt('whole').result;
  expect(whole).toMatchObject({ engine: { name: 'onnxruntime' }, stopped: 'completed' });
  expect(whole.validation.auc).toBeGreaterThan(0.9);

  const first = attempt('killed');
  first.environment.on('heartbeat', () => {
    if (first.beats.filter((beat) => beat?.checkpoint).length === 2) for (const pid of children.processIds) process.kill(pid, 'SIGKILL');
  });
  await expect(first.result).rejects.toThrow(/SIGKILL/);
  const second = await attempt('killed', {}, first.beats.at(-1)).result;
  expect(second.resumedAtStep).toBeGreaterThan(0);
  expect(second.parametersDigest).toBe(whole.parametersDigest);

  expect(() => loadedModule(model)).toThrow('has not been loaded in this process');
  const { exportModel } = createExportActivities({ store });
  const input: ExportInput = { spec: { ...fixture.spec, model }, prepared: fixture.ref, checkpoint: whole.checkpoint, dataDigest: 'abc' };
  const exporting = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const bundle: ModelBundle = await exporting.run((given: ExportInput) => exportModel(given), input);
  const session = await openModel(await store.readBytes(bundle.model), 1);
  const { inputs } = await store.readJson<ModelManifest>(bundle.manifest);
  const { instances, outputs, tolerance } = await store.readJson<GoldenOutputs>(bundle.golden);
  for (const rows of [instances, instances.slice(0, 1)]) {
    const predicted = await predictWith(session, rowsToTensors(inputs, rows));
    rows.forEach((_, row) => outputs[row].forEach((value, i) => expect(Math.abs(predicted[2 * row + i] - value)).toBeLessThan(tolerance)));
  }
  await session.release();
});

it('trains on a slower engine, and says why, where its gradient alone has no translation', async () => {
  const path = join(root, 'products.ts');
  writeFileSync(
    path,
    `import * as tf from '@tensorflow/tfjs-core';
     export default ({ inputs }) => ({
       parameters: { w: { shape: [inputs.numeric.shape[0], 2] }, b: { shape: [2], initial: 'ones' } },
       forward: ({ w, b }, { numeric }) => tf.tidy('products', () => tf.prod(tf.add(tf.matMul(numeric, w), b), 1, true)),
     });`,
  );
  const source = await store.putBytes(await bundleModule('./products.ts', path));
  const products = { family: 'module' as const, module: './products.ts', options: {}, source };
  const training = { ...fixture.spec.training, engine: 'auto' as const, epochs: 1 };
  const { engine } = await attempt('products', { model: products, training }).result;
  expect(engine.name).toBe('tfjs-wasm');
  expect(engine.reason).toContain(
    'tf.prod in layer "products", whose gradient takes the TensorFlow.js kernel "Cumprod", which has no translation',
  );
});

it('does not retry a module whose bundle was not submitted, or whose options make it throw', async () => {
  const { source: _, ...unsubmitted } = model;
  await expect(attempt('unsubmitted', { model: unsubmitted }).result).rejects.toMatchObject({
    type: 'InvalidModel',
    nonRetryable: true,
    message: expect.stringContaining('was not submitted with the pipeline'),
  });
  await expect(attempt('negative', { model: { ...model, options: { units: -1 } } }).result).rejects.toMatchObject({
    type: 'InvalidModel',
    message: expect.stringMatching(
      /\.\/penguin-net\.ts threw while it built the model: .* \(penguin-net\.ts:\d+:\d+\)\. Correct the function, or the options .*\{"units":-1\}/,
    ),
  });
});

it('gives up a module that ends its process, the third time, and counts anew after a checkpoint', async () => {
  const path = join(root, 'quits.ts');
  writeFileSync(path, 'export default () => { console.log("good bye"); process.exit(0); };');
  const source = await store.putBytes(await bundleModule('./quits.ts', path));
  const changes = { model: { family: 'module' as const, module: './quits.ts', options: {}, source } };
  let details: unknown;
  for (const exits of [1, 2]) {
    const { result, beats } = attempt('quits', changes, details);
    await expect(result).rejects.toThrow(/ended with exit code 0 .* Its last output: good bye\. It is tried again/);
    details = beats.at(-1);
    expect(details).toMatchObject({ inVain: { step: 0, failures: exits, exits } });
  }
  await expect(attempt('quits', changes, details).result).rejects.toMatchObject({
    type: 'TrainingCrashed',
    nonRetryable: true,
    message: expect.stringMatching(/exited by itself 3 times without a new checkpoint in between, so it is not tried again.*process\.exit/),
  });
});

it.each([
  ['calls process.abort', 'process.abort();', /look for process\.abort in it/, /memory|JavaScript heap/],
  [
    'fills the heap of JavaScript',
    'for (const kept: unknown[] = [];;) kept.push(new Array(100_000).fill(0.5));',
    /Its JavaScript heap was full\..*keeps in arrays and objects/s,
    /process\.abort/,
  ],
])('gives up a module that %s, the third time, and says what it was', async (name, code, words, otherWords) => {
  const path = join(root, 'aborts.ts');
  writeFileSync(path, `export default async () => { ${code} };`);
  const source = await store.putBytes(await bundleModule('./aborts.ts', path));
  const changes = { model: { family: 'module' as const, module: './aborts.ts', options: {}, source } };
  const { NODE_OPTIONS } = process.env;
  let failure: unknown;
  try {
    // Of the children that begin meanwhile: the heap of a machine of its size takes long to fill.
    process.env.NODE_OPTIONS = '--max-old-space-size=200';
    let details: unknown;
    for (const exits of [1, 2]) {
      const { result, beats } = attempt(name, changes, details);
      await expect(result).rejects.toThrow(/ended by signal SIGABRT/);
      details = beats.at(-1);
      expect(details).toMatchObject({ inVain: { step: 0, failures: exits, exits } });
    }
    failure = await attempt(name, changes, details).result.catch((error: unknown) => error);
  } finally {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  }
  expect(failure).toMatchObject({ type: 'TrainingCrashed', nonRetryable: true, message: expect.stringMatching(words) });
  expect((failure as Error).message).not.toMatch(otherWords);
  expect((failure as Error).message).toContain('./aborts.ts');
});

it('has another plan with another bundle or other options', async () => {
  const other = await attempt('other', { model: { ...model, options: { units: 13 } } }).result;
  const same = await attempt('same').result;
  expect(other.parametersDigest).not.toBe(same.parametersDigest);
});
