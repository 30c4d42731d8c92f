import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ModelSpec, TrainingSpec } from '../../../contracts/pipeline.js';
import { bundleModule } from '../../models/module/bundle-module.js';
import { decodeCheckpoint, encodeCheckpoint } from '../checkpoint/checkpoint.js';
import { syntheticData } from '../logistic-test-engine.js';
import { TrainingChildren, type ChildCallbacks } from './run-in-child.js';
import type { TrainingJob } from './training-job.js';
import { isAlive } from '../../is-alive.js';

const rows = 4000;
const width = 4;
let root: string;
let directory: string;
let children: TrainingChildren;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-child-test-'));
  const bytesOf = (array: Float32Array): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (const [part, seed] of [
    ['train', 1],
    ['validation', 2],
  ] as const) {
    const { numeric, target } = syntheticData(rows, width, 'binary', seed);
    writeFileSync(join(root, `${part}-numeric`), bytesOf(numeric!));
    writeFileSync(join(root, `${part}-target`), bytesOf(target));
  }
  children = new TrainingChildren();
});

afterAll(async () => {
  await children.close();
  rmSync(root, { recursive: true });
});

beforeEach(() => {
  directory = mkdtempSync(join(root, 'job-'));
});

describe('children with devices', () => {
  it('see one device each, and a new one that of the child that is gone', async () => {
    const pool = new TrainingChildren(['GPU-a', 'GPU-b']);
    const devices = (): string[] =>
      pool.processIds
        .map((pid) => /CUDA_VISIBLE_DEVICES=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1] ?? 'none')
        .sort();
    try {
      const quiet: ChildCallbacks = { onProgress: () => {}, onCheckpoint: async () => {} };
      const jobs = () => ['one', 'two'].map((key) => pool.run(jobOf(2, { key, directory: mkdtempSync(join(root, 'job-')) }), quiet));
      await Promise.all(jobs());
      expect(devices()).toEqual(['GPU-a', 'GPU-b']);
      const [victim] = pool.processIds;
      process.kill(victim, 'SIGKILL');
      while (pool.processIds.includes(victim)) await new Promise((resolve) => setTimeout(resolve, 10));
      await Promise.all(jobs());
      expect(devices()).toEqual(['GPU-a', 'GPU-b']);
    } finally {
      await pool.close();
    }
  });
});

function jobOf(epochs: number, changes: Partial<TrainingJob> = {}): TrainingJob {
  const files = (part: string): TrainingJob['train'] => ({
    rows,
    numeric: join(root, `${part}-numeric`),
    target: join(root, `${part}-target`),
  });
  return {
    key: 'test',
    request: {
      model: { family: 'linear' },
      training: {
        engine: 'onnxruntime',
        epochs,
        batchSize: 50,
        learningRate: 0.01,
        schedule: 'cosine',
        weightDecay: 0,
        classWeights: 'none',
        seed: 1,
        checkpointEverySeconds: 0.05,
      },
      primaryMetric: 'auc',
      task: 'binary',
      classes: 2,
      layout: { categorical: [], numeric: ['a', 'b', 'c', 'd'] },
      trainingPrior: [0.5, 0.5],
      dataDigest: 'd',
      threads: 1,
    },
    train: files('train'),
    validation: files('validation'),
    candidates: [],
    directory,
    ...changes,
  };
}

const silent: ChildCallbacks = { onProgress: () => {}, onCheckpoint: async () => {} };

/** A checkpoint without the time that it took to come so far. */
function lastingBytes(path: string): Uint8Array {
  const { durationMs: _, ...lasting } = decodeCheckpoint(readFileSync(path));
  return encodeCheckpoint(lasting);
}

/** Keeps copies of the checkpoints, newest last. */
function keeping(kept: string[], onKept: () => void = () => {}): ChildCallbacks {
  return {
    onProgress: () => {},
    onCheckpoint: async (path, step) => {
      const copy = join(root, `kept-${kept.length}-${step}`);
      writeFileSync(copy, readFileSync(path));
      kept.push(copy);
      onKept();
    },
  };
}

describe('TrainingChildren', () => {
  it('runs jobs one after the other in one warm process, with the same result each time', async () => {
    const steps: number[] = [];
    const first = await children.run(jobOf(2), { ...silent, onProgress: ({ step }) => steps.push(step) });
    const pids = children.processIds;
    expect(pids).toHaveLength(1);
    expect(first.result).toMatchObject({ step: 160, epoch: 2, stopped: 'completed', engine: { name: 'onnxruntime' }, resumedAtStep: 0 });
    expect(first.result.validation.auc).toBeGreaterThan(0.9);
    expect(steps.at(-1)).toBe(160);
    const bytes = lastingBytes(first.checkpoint);
    const second = await children.run(jobOf(2), silent);
    expect(children.processIds).toEqual(pids);
    expect(second.result.parametersDigest).toBe(first.result.parametersDigest);
    expect(Buffer.compare(lastingBytes(second.checkpoint), bytes)).toBe(0);
  });

  it('goes on to the identical bytes with rows that are sampled and augmented', async () => {
    const plain = jobOf(60);
    const training: TrainingSpec = {
      ...plain.request.training,
      classWeights: { yes: 2 },
      sampling: { kind: 'undersample', ratio: 0.9 },
      loss: { kind: 'focal', gamma: 1 },
      labelSmoothing: 0.1,
      augmentation: { jitter: 0.1, featureDropout: 0.1, mixup: 0.3 },
    };
    const request = { ...plain.request, training, classNames: ['no', 'yes'] };
    const expected = await children.run(jobOf(60, { request }), silent);
    const bytes = lastingBytes(expected.checkpoint);
    const kept: string[] = [];
    const killed = children.run(
      jobOf(60, { request }),
      keeping(kept, () => {
        if (kept.length === 2) process.kill(children.processIds[0], 'SIGKILL');
      }),
    );
    await expect(killed).rejects.toThrow('SIGKILL');
    const resumed = await children.run(jobOf(60, { request, candidates: kept }), silent);
    expect(resumed.result.resumedAtStep).toBeGreaterThan(0);
    expect(Buffer.compare(lastingBytes(resumed.checkpoint), bytes)).toBe(0);
    expect((await children.run(jobOf(60), silent)).result.parametersDigest).not.toBe(expected.result.parametersDigest);
  });

  it('says how a killed process ended, and a new one goes on from the checkpoint to the identical bytes', async () => {
    const expected = await children.run(jobOf(100), silent);
    const bytes = lastingBytes(expected.checkpoint);
    const kept: string[] = [];
    const killed = children.run(
      jobOf(100),
      keeping(kept, () => {
        if (kept.length === 2) process.kill(children.processIds[0], 'SIGKILL');
      }),
    );
    // Nothing else: what a library says at its start is no last output.
    await expect(killed).rejects.toThrow(
      /^The training process was ended by signal SIGKILL before its job was done\. That is often a lack of memory: [^.]*\. It is tried again from the last checkpoint\.$/,
    );
    expect(children.processIds).toEqual([]);
    const resumed = await children.run(jobOf(100, { candidates: kept }), silent);
    expect(resumed.result.resumedAtStep).toBeGreaterThan(0);
    expect(Buffer.compare(lastingBytes(resumed.checkpoint), bytes)).toBe(0);
  });

  it('tells the time of the whole training after a kill and over rungs, on which the model does not depend', async () => {
    const kept: string[] = [];
    const expected = await children.run(jobOf(100), keeping(kept));
    // As if the first attempt had taken an hour.
    const anHour = 3_600_000;
    const checkpoint = decodeCheckpoint(readFileSync(kept[0]));
    expect(checkpoint.durationMs).toBeGreaterThan(0);
    expect(checkpoint.durationMs).toBeLessThan(expected.result.durationMs);
    writeFileSync(kept[0], encodeCheckpoint({ ...checkpoint, durationMs: anHour }));
    const startedAt = performance.now();
    const rung = await children.run(jobOf(100, { candidates: [kept[0]], untilStep: 7000 }), silent);
    const { result } = await children.run(jobOf(100, { candidates: [rung.checkpoint] }), silent);
    expect(result).toMatchObject({ resumedAtStep: 7000, parametersDigest: expected.result.parametersDigest });
    expect(rung.result.durationMs).toBeGreaterThan(anHour);
    expect(result.durationMs).toBeGreaterThan(rung.result.durationMs);
    expect(result.durationMs).toBeLessThan(anHour + performance.now() - startedAt);
  });

  it('goes on with fewer threads or more to what those that it was begun with end in', async () => {
    const { request } = jobOf(60);
    const model: ModelSpec = { family: 'mlp', hidden: [128, 128], activation: 'relu' };
    const job = (threads: number, candidates: string[] = []): TrainingJob =>
      jobOf(60, { request: { ...request, model, training: { ...request.training, batchSize: 640 }, threads }, candidates });
    const kept: string[] = [];
    const expected = await children.run(job(2), keeping(kept));
    const halfway = kept[Math.floor(kept.length / 2)];
    for (const threads of [1, 3]) {
      const { result } = await children.run(job(threads, [halfway]), silent);
      expect(result.resumedAtStep).toBeGreaterThan(0);
      expect(result).toMatchObject({ parametersDigest: expected.result.parametersDigest, digest: expected.result.digest });
    }
    // One thread that begins adds everything up in one go.
    const whole = await children.run(job(1), silent);
    expect(whole.result.parametersDigest).not.toBe(expected.result.parametersDigest);
    expect(whole.result.digest).not.toBe(expected.result.digest);
  });

  it('ends ten epochs in the same weights after five kills at random moments as without one', async () => {
    const plain = jobOf(10);
    const training: TrainingSpec = { ...plain.request.training, batchSize: 10, earlyStopping: { patience: 9, minDelta: 0 } };
    const model = { family: 'mlp', hidden: [48, 24], activation: 'relu', dropout: 0.1 } as const;
    const request = { ...plain.request, model: { ...model, hidden: [48, 24] }, training };
    const undisturbed = await children.run(jobOf(10, { request }), silent);
    const kept: string[] = [];
    for (let kills = 0; kills < 5;) {
      let end: NodeJS.Timeout | undefined;
      const kill = (): void => children.processIds.forEach((pid) => process.kill(pid, 'SIGKILL'));
      const doomed: ChildCallbacks = {
        ...keeping(kept),
        // Anywhere: in a call into the engine, in a validation, while a checkpoint is written.
        onProgress: () => void (end ??= setTimeout(kill, Math.random() * 150)),
      };
      try {
        await children.run(jobOf(10, { request, candidates: [...kept] }), doomed);
        // It was faster than its end: once more from the beginning.
        kept.length = 0;
      } catch (error) {
        expect(String(error)).toContain('SIGKILL');
        kills++;
      } finally {
        // What was faster than its end leaves none to the next one.
        clearTimeout(end);
      }
    }
    const { result } = await children.run(jobOf(10, { request, candidates: kept }), silent);
    expect(result.parametersDigest).toBe(undisturbed.result.parametersDigest);
    expect(result.history).toEqual(undisturbed.result.history);
  });

  it.each(['SIGABRT', 'SIGSEGV', 'SIGBUS'] as const)('says that a process was ended by %s, and takes the next job', async (signal) => {
    let told = false;
    const ended = children.run(jobOf(10_000), {
      ...silent,
      onProgress: () => {
        if (!told) children.processIds.forEach((pid) => process.kill(pid, signal));
        told = true;
      },
    });
    await expect(ended).rejects.toThrow(`The training process was ended by signal ${signal} before its job was done`);
    expect((await children.run(jobOf(1), silent)).result.step).toBe(80);
  });

  it('goes on with the engine of its checkpoint, though another one would be chosen now', async () => {
    const plain = jobOf(40);
    const onEngine = (engine: TrainingSpec['engine']) => ({ ...plain.request, training: { ...plain.request.training, engine } });
    const first = await children.run(jobOf(40, { request: onEngine('tfjs-cpu'), untilStep: 100 }), silent);
    const kept = join(root, 'of-another-engine');
    writeFileSync(kept, readFileSync(first.checkpoint));
    const resumed = await children.run(jobOf(40, { request: onEngine('auto'), candidates: [kept] }), silent);
    expect(resumed.result).toMatchObject({ resumedAtStep: 100, engine: first.result.engine });
    const asked = await children.run(jobOf(40, { request: onEngine('onnxruntime'), candidates: [kept] }), silent);
    expect(asked.result).toMatchObject({ resumedAtStep: 0, engine: { name: 'onnxruntime' } });
    expect(asked.result.digest).not.toBe(resumed.result.digest);
  });

  it('stops within two seconds when cancelled, keeps a checkpoint and the process', async () => {
    const controller = new AbortController();
    const kept: string[] = [];
    const running = children.run(
      jobOf(10_000),
      keeping(kept, () => controller.abort(new Error('enough'))),
      controller.signal,
    );
    await expect(running).rejects.toThrow('enough');
    expect(kept.length).toBeGreaterThan(0);
    const pids = children.processIds;
    expect(pids).toHaveLength(1);
    const resumed = await children.run(jobOf(10_000, { candidates: kept, untilStep: 1000 }), silent);
    expect(children.processIds).toEqual(pids);
    expect(resumed.result.step).toBe(1000);
  });

  it('is ended within two seconds of a cancellation when a single step takes longer, and the newest checkpoint is kept', async () => {
    const controller = new AbortController();
    const kept: string[] = [];
    const { request } = jobOf(100);
    const training = { ...request.training, engine: 'tfjs-cpu' as const, batchSize: 1000 };
    const model: ModelSpec = { family: 'mlp', hidden: [640, 640], activation: 'relu' };
    let cancelledAt = Infinity;
    const running = children.run(
      jobOf(100, { request: { ...request, model, training } }),
      keeping(kept, () => {
        if (kept.length > 1) return;
        setTimeout(() => {
          cancelledAt = performance.now();
          controller.abort(new Error('enough'));
        }, 200);
      }),
      controller.signal,
    );
    await expect(running).rejects.toThrow('enough');
    expect(performance.now() - cancelledAt).toBeLessThan(1400);
    expect(kept).toHaveLength(1);
    expect(children.processIds).toEqual([]);
    expect(decodeCheckpoint(readFileSync(kept[0])).step).toBe(1);
  });

  it('ends a process that hangs, and goes on from the checkpoint in another one', async () => {
    const pool = new TrainingChildren([], undefined, 6000);
    try {
      const kept: string[] = [];
      const hanging = pool.run(
        jobOf(100_000),
        keeping(kept, () => process.kill(pool.processIds[0], 'SIGSTOP')),
      );
      await expect(hanging).rejects.toThrow(/^The training process gave no sign of life for .+ minutes, and was ended/);
      const { result } = await children.run(jobOf(100_000, { candidates: kept, untilStep: 8000 }), silent);
      expect(result.resumedAtStep).toBeGreaterThan(0);
    } finally {
      await pool.close();
    }
  });

  it('passes a permanent failure on with its type', async () => {
    const job = jobOf(2);
    const broken = { ...job, request: { ...job.request, layout: { categorical: [], numeric: ['a', 'b'] } } };
    await expect(children.run(broken, silent)).rejects.toMatchObject({ name: 'AnnealError', type: 'ArtifactCorrupt' });
  });

  it('fails when a checkpoint cannot be stored', async () => {
    const running = children.run(jobOf(10_000), {
      ...silent,
      onCheckpoint: async () => {
        throw new Error('no space left');
      },
    });
    await expect(running).rejects.toThrow('no space left');
  });

  it('passes over candidates that are damaged, of another plan, or too far', async () => {
    const kept: string[] = [];
    await children.run(jobOf(100), keeping(kept));
    const damaged = join(root, 'damaged');
    writeFileSync(damaged, readFileSync(kept[0]).subarray(5));
    const otherPlan = await children.run(jobOf(101, { candidates: [damaged, ...kept], untilStep: 10 }), silent);
    expect(otherPlan.result.resumedAtStep).toBe(0);
    expect(otherPlan.result.beganAnew).toMatch(
      /^The training began anew: its checkpoint at step \d+ is of other code, data, configuration or another seed than this training\.$/,
    );
    const tooFar = await children.run(jobOf(100, { candidates: kept, untilStep: 1 }), silent);
    expect(tooFar.result).toMatchObject({ step: 1, stopped: 'rung' });
    expect(tooFar.result).not.toHaveProperty('beganAnew');
  });
});

describe('a model file with a loop without an end', () => {
  it.each([
    ['when it is imported', 'for (;;); export default () => 1;'],
    ['in its forward pass', 'export default () => ({ parameters: { w: { shape: [4, 1] } }, forward() { for (;;); } });'],
  ])('%s is ended by name, and the next job runs', async (_, text) => {
    const pool = new TrainingChildren([], 1000);
    try {
      const path = join(root, 'endless.mjs');
      writeFileSync(path, text);
      const source = { uri: 'artifact:x', sha256: createHash('sha256').update(text).digest('hex'), sizeBytes: text.length };
      const job = jobOf(1, { module: path });
      const model = { family: 'module', module: './models/endless.ts', options: {}, source } as const;
      await expect(pool.run({ ...job, request: { ...job.request, model } }, silent)).rejects.toMatchObject({
        type: 'InvalidModel',
        message: expect.stringContaining("The model's module ./models/endless.ts was still building the model after 1 seconds"),
      });
      expect((await pool.run(jobOf(1), silent)).result.step).toBe(80);
    } finally {
      await pool.close();
    }
  });
});

describe('a model file that begins what it does not wait for', () => {
  it.each([
    ['a promise that is rejected', "Promise.reject(new Error('no such weights'))"],
    ['a timer that throws', "setTimeout(() => { throw new Error('no such weights'); })"],
  ])('fails by its place, with %s', async (_, begun) => {
    const pool = new TrainingChildren();
    try {
      const source = join(root, 'loose.ts');
      const forward = 'forward: ({ w }: any, { numeric }: any) => numeric.matMul(w)';
      writeFileSync(source, `\nexport default () => { ${begun}; return { parameters: { w: { shape: [4, 1] } }, ${forward} }; };`);
      const bundle = await bundleModule('./models/loose.ts', source);
      const path = join(root, 'loose.mjs');
      writeFileSync(path, bundle);
      const sha256 = createHash('sha256').update(bundle).digest('hex');
      const model = {
        family: 'module',
        module: './models/loose.ts',
        options: {},
        source: { uri: 'artifact:x', sha256, sizeBytes: 1 },
      } as const;
      const job = jobOf(50_000, { module: path });
      await expect(pool.run({ ...job, request: { ...job.request, model } }, silent)).rejects.toMatchObject({
        type: 'InvalidModel',
        message: expect.stringMatching(
          /^The model's module \.\/models\/loose\.ts threw outside of its own run: no such weights \(models\/loose\.ts:2:\d+\)\. Wait for/,
        ),
      });
    } finally {
      await pool.close();
    }
  });
});

describe('a training process whose parent is gone', () => {
  it('ends by itself and removes the directory of its job', async () => {
    const script = join(root, 'orphan-parent.mts');
    const module = new URL('./run-in-child.ts', import.meta.url).href;
    writeFileSync(
      script,
      `import { TrainingChildren } from ${JSON.stringify(module)};
       const children = new TrainingChildren();
       void children.run(${JSON.stringify(jobOf(10_000))}, { onProgress: () => process.send(children.processIds), onCheckpoint: async () => {} });`,
    );
    const parent = fork(script, [], { execArgv: ['--import', 'tsx'], cwd: process.cwd() });
    const [orphan] = await new Promise<number[]>((resolve) => parent.once('message', (pids) => resolve(pids as number[])));
    expect(isAlive(orphan)).toBe(true);
    parent.kill('SIGKILL');
    const deadline = Date.now() + 5000;
    while (isAlive(orphan) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isAlive(orphan)).toBe(false);
    expect(existsSync(directory)).toBe(false);
  });
});
