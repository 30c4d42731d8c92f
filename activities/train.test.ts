import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { failureTypes } from '../contracts/failures.js';
import { primaryMetric } from '../contracts/pipeline.js';
import type { NamedEngine } from '../contracts/pipeline/training.js';
import type { ArtifactRef } from '../contracts/reference.js';
import type { MetricPoint, TrainInput, TrainProgress } from '../contracts/training.js';
import { DiskFullError } from '../ml/disk-full.js';
import { TrainingChildren } from '../ml/train/child/run-in-child.js';
import { decodeCheckpoint } from '../ml/train/checkpoint/checkpoint.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { checkpointPointer } from './checkpoint-keeper.js';
import { preparedFixture, type PreparedFixture } from './prepared-fixture.js';
import { createTrainingActivities, type TrainingDependencies } from './train.js';

let root: string;
let store: FileArtifactStore;
let fixture: PreparedFixture;
let children: TrainingChildren;
let scratchRoot: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-train-activity-'));
  store = new FileArtifactStore(join(root, 'store'));
  scratchRoot = join(root, 'scratch');
  mkdirSync(scratchRoot);
  children = new TrainingChildren();
  fixture = await preparedFixture(store, root, 'binary');
});

afterAll(async () => {
  await children.close();
  rmSync(root, { recursive: true });
});

it('refuses an engine that is not here, and names those that are', async () => {
  const activities = createTrainingActivities({ store, threads: 1, slots: 1, scratchRoot, children });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const check = (...engines: NamedEngine[]) => environment.run(() => activities.checkEngines({ engines }));
  await check('onnxruntime', 'tfjs-cpu');
  await expect(check('onnxruntime', 'onnxruntime-cuda')).rejects.toMatchObject({
    type: failureTypes.invalidModel,
    nonRetryable: true,
    message: expect.stringMatching(
      /^The engine onnxruntime-cuda needs .*worker has: onnxruntime, (tfjs-node-gpu, )?tfjs-wasm, tfjs-cpu\. Choose/,
    ),
  });
});

function inputOf(key: string, training: Partial<TrainInput['training']> = {}, changes: Partial<TrainInput> = {}): TrainInput {
  const { spec, ref } = fixture;
  return {
    key,
    prepared: ref,
    model: spec.model,
    training: { ...spec.training, epochs: 60, checkpointEverySeconds: 0.05, ...training },
    primaryMetric: primaryMetric(spec),
    ...changes,
  };
}

interface Attempt {
  readonly environment: MockActivityEnvironment;
  readonly beats: (TrainProgress | undefined)[];
  readonly result: Promise<Awaited<ReturnType<ReturnType<typeof createTrainingActivities>['trainModel']>>>;
}

function attempt(input: TrainInput, heartbeatDetails?: unknown, openCurve?: TrainingDependencies['openCurve']): Attempt {
  const environment = new MockActivityEnvironment({ heartbeatDetails }, { logger: new DefaultLogger('ERROR') });
  const beats: (TrainProgress | undefined)[] = [];
  environment.on('heartbeat', (progress?: TrainProgress) => beats.push(progress));
  const activities = createTrainingActivities({ store, threads: 1, slots: 1, scratchRoot, children, openCurve });
  return { environment, beats, result: environment.run((given: TrainInput) => activities.trainModel(given), input) };
}

/** Resolves when a checkpoint has been heartbeated; kills the training process then, or does what is asked. */
async function atCheckpoint({ environment, beats }: Attempt, act: () => void): Promise<void> {
  await new Promise<void>((resolve) => {
    environment.on('heartbeat', () => {
      if (beats.filter((beat) => beat?.checkpoint).length === 2) {
        act();
        resolve();
      }
    });
  });
}

const killTraining = (): void => {
  for (const pid of children.processIds) process.kill(pid, 'SIGKILL');
};

function isStored({ sha256 }: ArtifactRef): boolean {
  return existsSync(join(root, 'store', 'sha256', sha256.slice(0, 2), sha256));
}

/** A checkpoint without the time that it took to come so far. */
async function lasting(ref: ArtifactRef): Promise<object> {
  const { durationMs: _, ...checkpoint } = decodeCheckpoint(await store.readBytes(ref));
  return checkpoint;
}

describe('trainModel', () => {
  it('trains to the end, heartbeats its progress and points at the checkpoint that it returns', async () => {
    const { result, beats } = attempt(inputOf('pipeline/p/1'));
    const trained = await result;
    expect(trained).toMatchObject({ step: 60 * 31, epoch: 60, stopped: 'completed', resumedAtStep: 0, engine: { name: 'onnxruntime' } });
    expect(trained.validation.auc).toBeGreaterThan(0.9);
    expect(trained.threshold).toBeGreaterThan(0);
    expect(trained.history.length).toBeLessThanOrEqual(100);
    expect(trained.rowsPerSecond).toBeGreaterThan(0);
    expect(beats.at(-1)).toMatchObject({ step: 60 * 31, totalSteps: 60 * 31, epochs: 60, etaSeconds: 0 });
    expect(await store.getPointer(checkpointPointer('pipeline/p/1'))).toEqual(trained.checkpoint);
    expect(readdirSync(scratchRoot)).toEqual([]);
  });

  it('goes on from the heartbeated checkpoint after the training process was killed, to the identical checkpoint', async () => {
    const whole = await attempt(inputOf('same', { epochs: 100 })).result;
    await store.setPointer(checkpointPointer('same'), fixture.ref);
    const first = attempt(inputOf('same', { epochs: 100 }));
    await Promise.all([atCheckpoint(first, killTraining), expect(first.result).rejects.toThrow(/SIGKILL/)]);
    await store.setPointer(checkpointPointer('same'), fixture.ref);
    const second = await attempt(inputOf('same', { epochs: 100 }), first.beats.at(-1)).result;
    expect(second.resumedAtStep).toBeGreaterThan(0);
    expect(await lasting(second.checkpoint)).toEqual(await lasting(whole.checkpoint));
    expect(second.parametersDigest).toBe(whole.parametersDigest);
  });

  it('counts its attempts anew with each checkpoint that gets further', async () => {
    const before = { step: 0, totalSteps: 1, epoch: 0, epochs: 1, loss: 0, rowsPerSecond: 0, etaSeconds: 0 };
    const { beats, result } = attempt(inputOf('counted'), { ...before, attempts: { step: 0, begun: 19 } });
    const { step } = await result;
    expect(beats[0]).toMatchObject({ attempts: { step: 0, begun: 20 } });
    expect(beats.at(-1)).toMatchObject({ attempts: { step: expect.any(Number), begun: 1 } });
    expect(beats.at(-1)!.attempts!.step).toBeLessThanOrEqual(step);
  });

  it('ends with the error of the last attempt that is made in vain, and begins none after it', async () => {
    const before = { step: 0, totalSteps: 1, epoch: 0, epochs: 1, loss: 0, rowsPerSecond: 0, etaSeconds: 0 };
    const full = jest.spyOn(store, 'readJson').mockRejectedValue(new Error('the store does not answer'));
    const last = attempt(inputOf('gone'), { ...before, attempts: { step: 7, begun: 19 } });
    await expect(last.result).rejects.toMatchObject({ message: 'the store does not answer', nonRetryable: true });
    const earlier = attempt(inputOf('gone'), { ...before, attempts: { step: 7, begun: 18 } });
    await expect(earlier.result).rejects.not.toMatchObject({ nonRetryable: true });
    full.mockRestore();
    const after = attempt(inputOf('gone'), last.beats.at(-1));
    await expect(after.result).rejects.toMatchObject({ type: failureTypes.trainingCrashed, nonRetryable: true });
  });

  it('is tried again after a second where it has got further, and later where it has not', async () => {
    const before = { step: 0, totalSteps: 1, epoch: 0, epochs: 1, loss: 0, rowsPerSecond: 0, etaSeconds: 0 };
    const inVain = { step: 0, failures: 4, exits: 0 };
    const further = attempt(inputOf('further', { epochs: 100 }), { ...before, inVain });
    await Promise.all([
      atCheckpoint(further, killTraining),
      expect(further.result).rejects.toMatchObject({ nextRetryDelay: 1000, nonRetryable: false, type: 'TrainingChildError' }),
    ]);
    const stuck = attempt(inputOf('stuck', { epochs: 100 }), { ...before, inVain: { ...inVain, step: 1_000_000 } });
    await Promise.all([atCheckpoint(stuck, killTraining), expect(stuck.result).rejects.toMatchObject({ nextRetryDelay: 16_000 })]);
  });

  it('counts a store whose disk is full among its failures, and names the folder', async () => {
    const folder = { path: root, name: 'the artifact store', elsewhere: 'point ANNEAL_ARTIFACTS at a larger disk' };
    const full = jest
      .spyOn(store, 'putFile')
      .mockRejectedValue(new DiskFullError('…', { folder }, { cause: new Error('ENOSPC: no space left') }));
    const { result, beats } = attempt(inputOf('full'));
    await expect(result).rejects.toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 1000,
      message: expect.stringMatching(
        /^The disk of the artifact store .* is full: ENOSPC: no space left\. .*point ANNEAL_ARTIFACTS at a larger disk/,
      ),
    });
    expect(beats.at(-1)?.inVain).toEqual({ step: 0, failures: 1, exits: 0 });
    full.mockRestore();
    expect(await attempt(inputOf('full'), beats.at(-1)).result).toMatchObject({ resumedAtStep: 0 });
  });

  it('finds the newest checkpoint by the pointer when the heartbeat is lost', async () => {
    const first = attempt(inputOf('pointed', { epochs: 100 }));
    await Promise.all([atCheckpoint(first, killTraining), expect(first.result).rejects.toThrow(/SIGKILL/)]);
    expect((await attempt(inputOf('pointed', { epochs: 100 })).result).resumedAtStep).toBeGreaterThan(0);
  });

  it('goes on from where the last rung ended, keeps that checkpoint, and removes superseded ones', async () => {
    const rung = await attempt(inputOf('rungs', { epochs: 100 }, { untilStep: 200 })).result;
    expect(rung).toMatchObject({ step: 200, stopped: 'rung' });
    const { result, beats } = attempt(inputOf('rungs', { epochs: 100 }, { resumeFrom: rung.checkpoint }));
    const trained = await result;
    expect(trained).toMatchObject({ resumedAtStep: 200, step: 3100 });
    expect(isStored(rung.checkpoint)).toBe(true);
    expect(isStored(trained.checkpoint)).toBe(true);
    const heartbeated = [
      ...new Map(beats.flatMap((beat) => (beat?.checkpoint ? [[beat.checkpoint.sha256, beat.checkpoint]] : []))).values(),
    ];
    expect(heartbeated.length).toBeGreaterThan(2);
    expect(heartbeated.filter(isStored)).toHaveLength(1);
  });

  it('starts from the beginning when every checkpoint is lost', async () => {
    const rung = await attempt(inputOf('lost', {}, { untilStep: 50 })).result;
    await store.remove(rung.checkpoint);
    expect((await attempt(inputOf('lost', {}, { untilStep: 60, resumeFrom: rung.checkpoint })).result).resumedAtStep).toBe(0);
  });

  it('stops within two seconds when it is cancelled, with its last checkpoint in the store', async () => {
    const cancelled = attempt(inputOf('cancelled', { epochs: 10_000 }));
    let askedAt = Infinity;
    await Promise.all([
      atCheckpoint(cancelled, () => {
        askedAt = performance.now();
        cancelled.environment.cancel();
      }),
      expect(cancelled.result).rejects.toBeInstanceOf(CancelledFailure),
    ]);
    expect(performance.now() - askedAt).toBeLessThan(2000);
    const pointed = await store.getPointer(checkpointPointer('cancelled'));
    expect(pointed && isStored(pointed)).toBe(true);
  });

  it('shows its curve while it goes on, as its history will begin, and is not held up where that fails', async () => {
    const page = { pipeline: 'fixture', workflowId: 'pipeline/fixture/1' };
    const shown: (readonly MetricPoint[])[] = [];
    const openCurve: TrainingDependencies['openCurve'] = async (given) => {
      expect(given).toEqual(page);
      return async (points) => void shown.push(points);
    };
    const failing = jest.fn<NonNullable<TrainingDependencies['openCurve']>>().mockRejectedValue(new Error('MLflow is away'));
    for (const open of [openCurve, failing]) {
      const key = `shown-${open === failing}`;
      const going = attempt(inputOf(key, { epochs: 100_000 }, { page }), undefined, open);
      void going.result.catch(() => undefined);
      while (shown.length === 0 || (open === failing && failing.mock.calls.length === 0)) await sleep(50);
      const told = going.beats.at(-1)!.step;
      await sleep(1500);
      expect(going.beats.at(-1)!.step).toBeGreaterThan(told);
      going.environment.cancel();
      await expect(going.result).rejects.toBeInstanceOf(CancelledFailure);
    }
    const checkpoint = decodeCheckpoint(await store.readBytes((await store.getPointer(checkpointPointer('shown-false')))!));
    expect(shown[0].length).toBeGreaterThan(0);
    expect(checkpoint.history.points.slice(0, shown[0].length)).toEqual(shown[0]);
  });

  it('does not retry a run that diverged', async () => {
    const training = { learningRate: 10, schedule: 'constant' as const, weightDecay: 1 };
    await expect(attempt(inputOf('diverged', training, { model: { family: 'linear' } })).result).rejects.toMatchObject({
      type: 'TrainingDiverged',
      nonRetryable: true,
    });
  });

  it('does not retry with a prepared data set that is not there', async () => {
    const missing = { uri: `artifact:sha256/${'0'.repeat(64)}`, sha256: '0'.repeat(64), sizeBytes: 1 };
    await expect(attempt(inputOf('missing', {}, { prepared: missing })).result).rejects.toMatchObject({
      type: 'ArtifactCorrupt',
      nonRetryable: true,
    });
  });
});

describe('checkpointPointer', () => {
  it('is a valid name, and another one for keys that differ in a slash', () => {
    expect(checkpointPointer('pipeline/flights/1')).toMatch(/^checkpoints\/pipeline-flights-1-[0-9a-f]{12}\/latest$/);
    expect(checkpointPointer('a/b')).not.toBe(checkpointPointer('a-b'));
  });
});
