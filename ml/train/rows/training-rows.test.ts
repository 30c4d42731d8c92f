import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FeatureLayout } from '../../../contracts/dataset.js';
import type { TrainingSpec } from '../../../contracts/pipeline.js';
import { parametersDigest } from '../checkpoint/checkpoint.js';
import type { EncodedFiles } from './encoded-files.js';
import type { EncodedData } from '../engine.js';
import { onnxruntimeEngine } from '../engines/onnxruntime.js';
import { type JobData, openJobData } from './job-data.js';
import { type RunState, train } from '../trainer.js';
import type { TrainingJob } from '../child/training-job.js';

const rows = 20_000;
const layout: FeatureLayout = { categorical: [{ name: 'origin', size: 7, dimension: 3 }], numeric: ['row', 'distance'] };
let root: string;
let files: EncodedFiles;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-streamed-'));
  const numeric = Float32Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? (i / 2 / rows) * 2 - 1 : Math.sin(i)));
  const categorical = Int32Array.from({ length: rows }, (_, i) => (i * 31) % 7);
  const target = Float32Array.from({ length: rows }, (_, i) => Number(Math.sin(2 * i + 1) + categorical[i] / 7 > 0.5));
  const write = (name: string, array: Float32Array | Int32Array): string => {
    writeFileSync(join(root, name), array);
    return join(root, name);
  };
  files = { rows, categorical: write('categorical', categorical), numeric: write('numeric', numeric), target: write('target', target) };
});
afterAll(() => rmSync(root, { recursive: true }));

/** 16 bytes a row: 320 kB in all. */
function jobOf(training: Partial<TrainingSpec> = {}, train = files): TrainingJob {
  return {
    key: 'k',
    request: {
      model: { family: 'mlp', hidden: [8], activation: 'relu' },
      training: {
        engine: 'onnxruntime',
        epochs: 3,
        batchSize: 64,
        learningRate: 0.01,
        schedule: 'cosine',
        weightDecay: 0,
        classWeights: 'balanced',
        seed: 3,
        checkpointEverySeconds: 1,
        residentMegabytes: 0.1,
        ...training,
      },
      primaryMetric: 'auc',
      task: 'binary',
      classes: 2,
      layout,
      trainingPrior: [0.5, 0.5],
      dataDigest: 'd',
      threads: 1,
    },
    train,
    validation: files,
    candidates: [],
    directory: root,
  };
}

async function trained(data: JobData, options: { resume?: RunState; untilStep?: number } = {}): Promise<RunState> {
  const session = await onnxruntimeEngine.open(data.plan.step, data.initial);
  const source = data.trainingRows(session);
  try {
    const { state } = await train({
      plan: data.plan,
      session,
      rows: source,
      validation: data.validation,
      checkpointEveryMs: 1e6,
      ...options,
    });
    return state;
  } finally {
    await source.close?.();
    await session.dispose();
  }
}

describe('rows that do not fit into memory', () => {
  it('are read in windows, and a run that goes on from any step ends in the same bits', async () => {
    const data = await openJobData(jobOf());
    expect(data.plan.streaming!.shards / data.plan.streaming!.windowShards).toBeGreaterThan(8);
    const whole = await trained(data);
    expect(whole.best!.metrics.auc).toBeGreaterThan(0.9);
    let state: RunState | undefined;
    // Within a window, at the end of an epoch, and one step into the next.
    for (const untilStep of [5, 101, data.plan.stepsPerEpoch, data.plan.stepsPerEpoch + 1]) {
      state = await trained(data, { resume: state, untilStep });
      // Validations at the stops are no part of the undisturbed run.
      state = { ...state, best: undefined, history: { ...state.history } };
    }
    const resumed = await trained(data, { resume: state });
    expect(parametersDigest(resumed.state.parameters)).toBe(parametersDigest(whole.state.parameters));
    await data.close();
  });

  it('are visited at most once in an epoch, with their own columns', async () => {
    const data = await openJobData(jobOf());
    let held: EncodedData | undefined;
    const source = data.trainingRows({ useRows: (given: EncodedData) => (held = given) } as never);
    const visits = new Uint8Array(rows);
    for (let step = 0; step < data.plan.stepsPerEpoch;) {
      const taken = await source.take(1, step, 3);
      step += taken.length / 64;
      for (const at of taken) {
        const row = Math.round(((held!.numeric![at * 2] + 1) / 2) * rows);
        visits[row]++;
        expect(held!.categorical![at]).toBe((row * 31) % 7);
      }
    }
    await source.close?.();
    await data.close();
    expect(Math.max(...visits)).toBe(1);
    expect(visits.reduce((sum, times) => sum + times)).toBe(data.plan.stepsPerEpoch * 64);
  });

  it('validate to the same metrics as in memory', async () => {
    const data = await openJobData(jobOf({ epochs: 1 }));
    const resident = await openJobData(jobOf({ epochs: 1, residentMegabytes: 100 }));
    expect(resident.plan.streaming).toBeUndefined();
    const streamed = await trained(data);
    const inMemory = await trained({ ...data, validation: resident.validation });
    expect(inMemory).toEqual(streamed);
    await data.close();
  });

  it('refuse to be sampled by class, and a file that was cut', async () => {
    await expect(openJobData(jobOf({ sampling: { kind: 'undersample', ratio: 1 } }))).rejects.toMatchObject({
      type: 'InvalidPipeline',
      message: expect.stringContaining('training.residentMegabytes'),
    });
    const target = join(root, 'cut');
    writeFileSync(target, new Float32Array(rows));
    truncateSync(target, 100);
    await expect(openJobData(jobOf({}, { ...files, target }))).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
  });
});
