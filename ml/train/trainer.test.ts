import { describe, expect, it } from '@jest/globals';
import type { TrainingSpec } from '../../contracts/pipeline.js';
import { decodeCheckpoint, encodeCheckpoint, parametersDigest } from './checkpoint/checkpoint.js';
import type { EncodedData, EngineSession } from './engine.js';
import { openLogisticSession, syntheticData } from './logistic-test-engine.js';
import { train, type RunState, type TrainerOptions, type TrainerOutcome } from './trainer.js';
import { createTrainingPlan, planDigest, standardizeTarget, type TrainingPlan, type TrainingRequest } from './training-plan.js';
import { ResidentRows } from './rows/training-rows.js';
import { residentSlices, validationSubset } from './rows/validation.js';

const width = 3;
const layout = { categorical: [], numeric: ['a', 'b', 'c'] };
const trainPart = syntheticData(1000, width, 'binary', 1);
const validationPart = syntheticData(400, width, 'binary', 2);

function planOf(training: Partial<TrainingSpec> = {}, request: Partial<TrainingRequest> = {}, target = trainPart.target): TrainingPlan {
  return createTrainingPlan(
    {
      model: { family: 'linear' },
      training: {
        engine: 'auto',
        epochs: 4,
        batchSize: 32,
        learningRate: 0.02,
        schedule: 'cosine',
        weightDecay: 0,
        classWeights: 'balanced',
        seed: 3,
        checkpointEverySeconds: 1,
        ...training,
      },
      primaryMetric: 'auc',
      task: 'binary',
      classes: 2,
      layout,
      trainingPrior: [0.5, 0.5],
      dataDigest: 'd1',
      threads: 1,
      ...request,
    },
    target,
  );
}

type Changes = Partial<TrainerOptions> & { readonly wrap?: (session: EngineSession) => EngineSession };

async function run(plan: TrainingPlan, { wrap = (session) => session, ...changes }: Changes = {}): Promise<TrainerOutcome> {
  const session = wrap(openLogisticSession(plan.step, trainPart));
  return train({
    plan,
    session,
    rows: new ResidentRows(plan, trainPart.rows, trainPart.target),
    validation: residentSlices(validationPart, layout),
    checkpointEveryMs: 50,
    ...changes,
  });
}

/** What a checkpoint says, through its bytes. */
function bytesOf(plan: TrainingPlan, state: RunState): Uint8Array {
  return encodeCheckpoint({ ...state, key: 'k', digest: planDigest(plan, 'test'), plan: plan.step, engine: { name: 'test', reason: '' } });
}

/** A process that dies without a word at one of its calls into the engine. */
function dyingAt(call: number): (session: EngineSession) => EngineSession {
  let calls = 0;
  const count = (): void => {
    if (++calls === call) throw new Error('killed');
  };
  return (session) => ({
    ...session,
    runSteps: async (...parameters) => {
      count();
      return session.runSteps(...parameters);
    },
    logits: async (data) => {
      count();
      return session.logits(data);
    },
  });
}

describe('train', () => {
  it('learns, keeps the best state with calibration and threshold, and measures it', async () => {
    const progress: number[] = [];
    const { state, stopped } = await run(planOf(), { onProgress: ({ step }) => progress.push(step) });
    expect(stopped).toBe('completed');
    expect(state.step).toBe(4 * 31);
    expect(state.best!.metrics.auc).toBeGreaterThan(0.95);
    expect(state.best!.metrics.logLoss).toBeLessThan(0.35);
    expect(state.best!.threshold).toBeGreaterThan(0);
    expect(state.best!.calibration.kind).toBe('platt');
    expect(progress.at(-1)).toBe(4 * 31);
    expect(state.history.points.filter(({ metrics }) => 'validation/auc' in metrics)).toHaveLength(4);
  });

  it('reports the figures of the newest validation until the next, also when an earlier one was better', async () => {
    const said: (number | undefined)[] = [];
    let validations = 0;
    const { state } = await run(planOf(), {
      onProgress: ({ validation }) => said.push(validation?.auc),
      wrap: (session) => ({
        ...session,
        logits: async (data) => {
          const logits = await session.logits(data);
          return validations++ === 0 ? logits : logits.map((logit) => -logit);
        },
      }),
    });
    const newest = state.history.points.flatMap(({ metrics }) => metrics['validation/auc'] ?? []);
    expect(newest).toHaveLength(4);
    expect(newest[0]).toBe(state.best!.metrics.auc);
    const changes = said.filter((auc, i) => auc !== undefined && auc !== said[i - 1]);
    expect(changes).toEqual(newest);
  });

  it.each<[string, Partial<TrainingSpec>]>([
    ['', { earlyStopping: { patience: 2, minDelta: 0 } }],
    [', with classes that are sampled anew in each epoch', { sampling: { kind: 'oversample', ratio: 1 } }],
  ])(
    'ends in the same bytes wherever it was killed, aborted and resumed, and however its steps were cut into calls%s',
    async (_, option) => {
      const plan = planOf({ ...option, epochs: 6 });
      const expected = bytesOf(plan, (await run(plan)).state);
      let bits = 12345;
      const random = (): number => {
        bits = (Math.imul(bits, 1_103_515_245) + 12_345) >>> 0;
        return bits / 4_294_967_296;
      };
      let interruptions = 0;
      for (let round = 0; round < 40; round++) {
        let saved: Uint8Array | undefined;
        for (;;) {
          const controller = new AbortController();
          const aborts = random() < 0.3;
          try {
            const { state } = await run(plan, {
              resume: saved && decodeCheckpoint(saved),
              // Down to single steps a call, up to whole epochs.
              checkpointEveryMs: 10 ** (4 * random() - 3),
              signal: controller.signal,
              wrap: dyingAt(1 + Math.floor(random() * (saved ? 30 : 10))),
              onProgress: () => {
                if (aborts && random() < 0.2) controller.abort(new Error('stop'));
              },
              onCheckpoint: async (next) => {
                saved = bytesOf(plan, next);
              },
            });
            expect(Buffer.compare(bytesOf(plan, state), expected)).toBe(0);
            break;
          } catch (error) {
            if (!(error instanceof Error) || !['killed', 'stop'].includes(error.message)) throw error;
            interruptions++;
          }
        }
      }
      expect(interruptions).toBeGreaterThan(40);
    },
  );

  it('trains rung by rung to the same parameters as in one go', async () => {
    const plan = planOf();
    const whole = await run(plan);
    const first = await run(plan, { untilStep: 40 });
    expect(first.stopped).toBe('rung');
    expect(first.state.step).toBe(40);
    expect([31, 40]).toContain(first.state.best!.step);
    const second = await run(plan, { resume: decodeCheckpoint(bytesOf(plan, first.state)) });
    expect(second.resumedAtStep).toBe(40);
    expect(parametersDigest(second.state.state.parameters)).toBe(parametersDigest(whole.state.state.parameters));
  });

  it('tells the newest validation that its checkpoint knows of, until its own first', async () => {
    const plan = planOf();
    const told: unknown[] = [];
    const onProgress: TrainerOptions['onProgress'] = ({ validation }) => told.push(validation);
    const { state } = await run(plan, { untilStep: 40, onProgress });
    const newest = told.at(-1);
    expect(newest).toMatchObject({ auc: expect.any(Number) });
    const resumedAs = async (resume: RunState): Promise<unknown> => {
      told.length = 0;
      await expect(run(plan, { resume, onProgress, wrap: dyingAt(2) })).rejects.toThrow('killed');
      return told[0];
    };
    const best = { ...state.best!, metrics: { auc: 0.99 } };
    expect(await resumedAs({ ...state, best: { ...best, step: 31 } })).toEqual(newest);
    // A curve of many epochs leaves most of their validations out.
    const points = state.history.points.filter(({ metrics }) => !('validation/auc' in metrics));
    expect(await resumedAs({ ...state, history: { ...state.history, points }, best })).toEqual({ auc: 0.99 });
    expect(await resumedAs({ ...state, history: { ...state.history, points }, best: undefined })).toBeUndefined();
  });

  it('does not count the end of a rung in mid-epoch as an epoch without progress', async () => {
    const plan = planOf({ earlyStopping: { patience: 1, minDelta: 10 }, epochs: 5 });
    const rung = await run(plan, { untilStep: 40 });
    expect(rung.state.stopping.epochsWaited).toBe(0);
    expect((await run(plan, { resume: rung.state })).stopped).toBe('early');
  });

  it('returns a finished run again without a step', async () => {
    const plan = planOf();
    const { state } = await run(plan);
    const again = await run(plan, { resume: state, wrap: dyingAt(1) });
    expect(Buffer.compare(bytesOf(plan, again.state), bytesOf(plan, state))).toBe(0);
    expect(again.resumedAtStep).toBe(state.step);
  });

  it('stops early and keeps the best state, not the last', async () => {
    const plan = planOf({ epochs: 50, schedule: 'constant', earlyStopping: { patience: 2, minDelta: 0.5 } });
    const { state, stopped } = await run(plan);
    expect(stopped).toBe('early');
    expect(state.step).toBe(3 * 31);
    expect(state.best!.step).toBeLessThanOrEqual(state.step);
  });

  it('takes a checkpoint before it obeys an abort', async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    await expect(
      run(planOf(), {
        signal: controller.signal,
        checkpointEveryMs: 60_000,
        onProgress: ({ step }) => {
          if (step > 10) controller.abort(new Error('the worker shuts down'));
        },
        onCheckpoint: async ({ step }) => void saved.push(step),
      }),
    ).rejects.toThrow('the worker shuts down');
    expect(saved).toHaveLength(1);
    expect(saved[0]).toBeGreaterThan(10);
  });

  it.each([
    ['a loss is not a number', Number.NaN, 7],
    ['a loss is infinite', Infinity, 3],
    ['the loss explodes', 2e6, 20],
  ])('says at which step it diverged when %s', async (_name, bad, at) => {
    const failing = run(planOf(), {
      wrap: (session) => ({
        ...session,
        runSteps: async (rows, rates, firstStep) => {
          const losses = await session.runSteps(rows, rates, firstStep);
          return losses.map((loss, i) => (firstStep + i + 1 === at ? bad : loss));
        },
      }),
    });
    await expect(failing).rejects.toMatchObject({ type: 'TrainingDiverged', details: { step: at } });
  });

  it('suspects no learning rate when the first loss is none, before any update', async () => {
    const diverging = (plan: TrainingPlan) =>
      run(plan, { wrap: (session) => ({ ...session, runSteps: async (_, rates) => rates.map(() => Number.NaN) }) });
    const plan = planOf();
    await expect(diverging(plan)).rejects.toThrow(/diverged at step 1, before anything was learnt: the loss was NaN\. .* numeric features/);
    const model = { family: 'module', module: './net.ts', options: {} } as const;
    const failing = diverging({ ...plan, step: { ...plan.step, model } });
    await expect(failing).rejects.toThrow(/Look at what \.\/net\.ts computes/);
    await expect(failing).rejects.not.toThrow(/learningRate/);
  });

  it('has diverged when a validation logit is not finite', async () => {
    const failing = run(planOf(), {
      wrap: (session) => ({ ...session, logits: async ({ rows }) => new Float32Array(rows).fill(Number.NaN) }),
    });
    await expect(failing).rejects.toMatchObject({ type: 'TrainingDiverged', message: expect.stringContaining('step 31') });
  });

  it('refuses a validation part that does not define the primary metric', async () => {
    const validation = residentSlices({ ...validationPart, target: new Float32Array(validationPart.rows) }, layout);
    await expect(run(planOf(), { validation })).rejects.toMatchObject({ type: 'InvalidData', message: expect.stringContaining('"auc"') });
  });

  it('trains a regression on the standardized target and measures it in its own units', async () => {
    const data = syntheticData(1000, width, 'regression', 4);
    const mean = data.target.reduce((sum, value) => sum + value, 0) / data.rows;
    const deviation = Math.sqrt(data.target.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.rows);
    const trainingPrior = [mean, deviation];
    const plan = planOf({ epochs: 20 }, { task: 'regression', classes: 0, primaryMetric: 'rmse', trainingPrior }, data.target);
    const session = openLogisticSession(plan.step, standardizeTarget('regression', trainingPrior, data));
    const validation = residentSlices(syntheticData(300, width, 'regression', 5), layout);
    const { state } = await train({ plan, session, rows: new ResidentRows(plan, 1000), validation, checkpointEveryMs: 50 });
    expect(state.best!.metrics.r2).toBeGreaterThan(0.9);
    expect(state.best!.metrics.rmse).toBeLessThan(8);
    expect(state.best!.threshold).toBeUndefined();
  });
});

describe('createTrainingPlan', () => {
  it('refuses a metric that the task does not have', () => {
    expect(() => planOf({}, { primaryMetric: 'rmse' })).toThrow(expect.objectContaining({ type: 'InvalidPipeline' }));
  });

  it('refuses a training part without rows', () => {
    expect(() => planOf({}, {}, new Float32Array())).toThrow(expect.objectContaining({ type: 'InvalidData' }));
  });

  it('shrinks the batch to the rows that there are', () => {
    const plan = planOf({ batchSize: 4096, epochs: 3 });
    expect(plan).toMatchObject({ stepsPerEpoch: 1, totalSteps: 3, step: { batchSize: 1000 } });
  });

  it('weighs a balanced target so that both classes count alike', () => {
    const plan = planOf({}, {}, Float32Array.of(0, 0, 0, 1));
    expect(plan.step.classWeights).toEqual([4 / 6, 2]);
    expect(planOf({ classWeights: 'none' }).step.classWeights).toBeUndefined();
  });

  it('has as many steps in an epoch as sampling leaves rows', () => {
    const target = Float32Array.from({ length: 100 }, (_, row) => Number(row < 10));
    const plan = planOf({ batchSize: 10, epochs: 2, sampling: { kind: 'oversample', ratio: 1 } }, {}, target);
    expect(plan).toMatchObject({ stepsPerEpoch: 18, totalSteps: 36, sampledCounts: [90, 90] });
    expect(planOf({ batchSize: 10, sampling: { kind: 'undersample', ratio: 1 } }, {}, target).stepsPerEpoch).toBe(2);
  });

  it('is the same plan when options are written out at what they are without being named', () => {
    const written = planOf({ sampling: 'none', loss: { kind: 'cross-entropy' }, labelSmoothing: 0, augmentation: { images: {} } });
    expect(written).toEqual(planOf());
    expect(planOf({ sampling: { kind: 'oversample', ratio: 1 } })).not.toEqual(planOf());
    expect(planOf({ loss: { kind: 'focal', gamma: 2 }, labelSmoothing: 0.1, augmentation: { mixup: 1 } }).step).toMatchObject({
      loss: { kind: 'focal', gamma: 2 },
      labelSmoothing: 0.1,
      augmentation: { mixup: 1 },
    });
  });
});

describe('planDigest', () => {
  it('differs with whatever decides the result, and not with what does not', () => {
    const digest = planDigest(planOf(), 'onnxruntime');
    expect(planDigest(planOf({ checkpointEverySeconds: 9 }), 'onnxruntime')).toBe(digest);
    const others = [
      planDigest(planOf(), 'tfjs-cpu'),
      planDigest(planOf({ seed: 4 }), 'onnxruntime'),
      planDigest(planOf({ learningRate: 0.01 }), 'onnxruntime'),
      planDigest(planOf({}, { dataDigest: 'd2' }), 'onnxruntime'),
      planDigest(planOf({}, { totalSteps: 7 }), 'onnxruntime'),
      planDigest(planOf({}, { threads: 2 }), 'onnxruntime'),
    ];
    expect(new Set([digest, ...others]).size).toBe(7);
  });
});

describe('validationSubset', () => {
  const slices = residentSlices(validationPart, layout);

  it('takes the same rows of every column, the same ones each time', async () => {
    const subset = async () => {
      const part = await validationSubset(layout, slices, 50);
      return part.slice(0, part.rows);
    };
    const part = await subset();
    expect(part).toEqual(await subset());
    expect(part.rows).toBe(50);
    const rowText = (data: EncodedData, row: number): string =>
      [...data.numeric!.subarray(row * width, (row + 1) * width), data.target[row]].join();
    const all = new Set(Array.from({ length: validationPart.rows }, (_, row) => rowText(validationPart, row)));
    expect(Array.from({ length: 50 }, (_, row) => all.has(rowText(part, row))).every(Boolean)).toBe(true);
    expect(await validationSubset(layout, slices, 9999)).toBe(slices);
  });

  it('refuses an empty validation part', async () => {
    const empty = residentSlices({ rows: 0, numeric: new Float32Array(), target: new Float32Array() }, layout);
    await expect(validationSubset(layout, empty, undefined)).rejects.toMatchObject({ type: 'InvalidData' });
  });
});
