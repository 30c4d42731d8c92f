import { setImmediate as nextTurn } from 'node:timers/promises';
import { AnnealError, failureTypes } from '../../contracts/failures.js';
import { isLowerBetter, type Metrics } from '../../contracts/pipeline.js';
import type { MetricPoint, TrainProgress } from '../../contracts/training.js';
import type { Checkpoint } from './checkpoint/checkpoint.js';
import { ChunkSize } from './rows/chunk-size.js';
import { initialStopping, observeEpoch, shouldStop } from './early-stopping.js';
import type { EngineSession } from './engine.js';
import { servedParameters } from './checkpoint/engine-state.js';
import { addLosses, addValidation, emptyHistory, newestValidation } from './checkpoint/history.js';
import { learningRates } from './optimizer/schedule.js';
import type { TrainingPlan } from './training-plan.js';
import type { TrainingRows } from './rows/training-rows.js';
import { type SlicedRows, assess, splitLogits } from './rows/validation.js';

/** A call into the engine cannot be interrupted; so long is a cancellation or a heartbeat kept waiting. */
const maxChunkMs = 500;
/** A mean loss beyond this is an explosion, though not yet infinite. */
const maxLoss = 1e6;

/** A checkpoint without what stays the same during a run, and without its time. */
export type RunState = Omit<Checkpoint, 'key' | 'digest' | 'plan' | 'engine' | 'network' | 'durationMs'>;

export interface TrainerOptions {
  readonly plan: TrainingPlan;
  readonly session: EngineSession;
  readonly rows: TrainingRows;
  /** The rows to validate on, with the target in its own units. */
  readonly validation: SlicedRows;
  /** Continue from here; its digest has been compared by the caller. */
  readonly resume?: RunState;
  /** Stop here; default: the end of the plan. */
  readonly untilStep?: number;
  readonly checkpointEveryMs: number;
  readonly signal?: AbortSignal;
  /** @param points the curve so far, as `TrainResult.history` will begin */
  readonly onProgress?: (progress: Omit<TrainProgress, 'checkpoint'>, points: readonly MetricPoint[]) => void;
  /** Awaited: the run goes on when the checkpoint is safe. */
  readonly onCheckpoint?: (state: RunState) => Promise<void>;
}

export interface TrainerOutcome {
  readonly state: RunState;
  readonly stopped: 'completed' | 'early' | 'rung';
  readonly rowsPerSecond: number;
  readonly resumedAtStep: number;
}

/**
 * Train until the plan ends, early stopping ends it, or `untilStep` is reached.
 *
 * The state after each step is a pure function of the plan and the data. How the steps are cut into calls, and where
 * a run was interrupted and resumed, changes neither parameters nor history nor the chosen state by a bit.
 * Validates at the end of every epoch and at the step where it stops; keeps the state with the best primary metric.
 *
 * @throws AnnealError `TrainingDiverged` when a loss or a logit is not finite, or the loss explodes;
 *   the signal's reason after a last checkpoint, when aborted
 */
export async function train(options: TrainerOptions): Promise<TrainerOutcome> {
  return new Trainer(options).run();
}

class Trainer {
  private readonly plan: TrainingPlan;
  private readonly lastStep: number;
  private readonly chunks: ChunkSize;
  private readonly resumedAtStep: number;
  private state: RunState;
  private readonly startedAt = performance.now();
  private savedAt = performance.now();
  private savedStep: number;
  private lastLoss = 0;
  /** Of the newest validation; of those before a resume, the newest that the checkpoint tells of. */
  private validated?: Metrics;
  /** Wall time within the engine's training calls. */
  private trainingMs = 0;

  constructor(private readonly options: TrainerOptions) {
    this.plan = options.plan;
    this.lastStep = Math.min(options.untilStep ?? this.plan.totalSteps, this.plan.totalSteps);
    this.chunks = new ChunkSize(Math.min(maxChunkMs, options.checkpointEveryMs / 2));
    this.state = options.resume ?? {
      step: 0,
      stopping: initialStopping,
      history: emptyHistory,
      // Filled by the engine before anything reads it.
      state: { parameters: new Float32Array() },
    };
    this.resumedAtStep = this.state.step;
    this.savedStep = this.state.step;
    this.validated = validatedBefore(this.state);
  }

  async run(): Promise<TrainerOutcome> {
    if (this.options.resume) await this.options.session.setState(this.options.resume.state);
    await this.validateWhenDue();
    while (!this.isFinished()) {
      await this.stopIfAborted();
      await this.runChunk();
      await this.validateWhenDue();
      if (!this.isFinished()) await this.checkpointWhenDue();
    }
    this.state = { ...this.state, state: await this.options.session.getState() };
    return {
      state: this.state,
      stopped: this.hasStoppedEarly() ? 'early' : this.state.step >= this.plan.totalSteps ? 'completed' : 'rung',
      rowsPerSecond: this.rowsPerSecond(),
      resumedAtStep: this.resumedAtStep,
    };
  }

  private hasStoppedEarly(): boolean {
    return shouldStop(this.state.stopping, this.plan.earlyStopping);
  }

  private isFinished(): boolean {
    return this.state.validatedAtStep === this.state.step && (this.hasStoppedEarly() || this.state.step >= this.lastStep);
  }

  private async runChunk(): Promise<void> {
    const { step } = this.state;
    const { stepsPerEpoch, totalSteps, learningRate, schedule } = this.plan;
    const { batchSize } = this.plan.step;
    const epoch = Math.floor(step / stepsPerEpoch);
    const stepInEpoch = step - epoch * stepsPerEpoch;
    const atMost = this.chunks.next(Math.min(stepsPerEpoch - stepInEpoch, this.lastStep - step));
    const rows = await this.options.rows.take(epoch, stepInEpoch, atMost); // [count · batchSize]
    const count = rows.length / batchSize;
    const rates = learningRates(schedule, learningRate, { totalSteps, stepsPerEpoch }, step, count); // [count]

    const startedAt = performance.now();
    const losses = await this.options.session.runSteps(rows, rates, step); // [count]
    const elapsedMs = performance.now() - startedAt;
    this.chunks.observe(count, elapsedMs);
    this.trainingMs += elapsedMs;

    const bad = losses.findIndex((loss) => !(Math.abs(loss) <= maxLoss));
    if (step === 0 && bad === 0) throw this.neverFinite(`the loss was ${losses[0]}`);
    if (bad >= 0) throw this.diverged(step + bad + 1, `the loss was ${losses[bad]}`);
    this.lastLoss = losses.reduce((sum, loss) => sum + loss, 0) / count;
    this.state = { ...this.state, step: step + count, history: addLosses(this.state.history, losses, step, totalSteps) };
    this.report();
  }

  private async validateWhenDue(): Promise<void> {
    const { step, validatedAtStep } = this.state;
    const isEpochEnd = step > 0 && step % this.plan.stepsPerEpoch === 0;
    if (validatedAtStep === step || !(isEpochEnd || step >= this.lastStep)) return;
    const { session, validation } = this.options;
    const logits = await splitLogits(session, this.plan.step, validation, () => this.stopIfAborted()); // [rows, outputs]
    const assessed = assess(this.plan.step, logits, validation.target, this.plan.trainingPrior);
    if (!assessed) throw this.diverged(step, 'a prediction for the validation part was not a finite number');
    const value = this.primaryValue(assessed.metrics);

    const { best, stopping, history } = this.state;
    const epoch = isEpochEnd ? step / this.plan.stepsPerEpoch : undefined;
    this.state = {
      ...this.state,
      validatedAtStep: step,
      history: addValidation(history, assessed.metrics, step, epoch, this.plan.epochs),
      stopping:
        isEpochEnd && this.plan.earlyStopping
          ? observeEpoch(stopping, this.plan.primaryMetric, value, this.plan.earlyStopping.minDelta)
          : stopping,
      best:
        best === undefined || this.isBetter(value, this.primaryValue(best.metrics))
          ? { step, ...assessed, parameters: servedParameters(await session.getState()).slice() }
          : best,
    };
    this.validated = assessed.metrics;
    this.report();
  }

  private isBetter(value: number, than: number): boolean {
    return isLowerBetter(this.plan.primaryMetric) ? value < than : value > than;
  }

  /** @throws AnnealError `InvalidData` when the validation rows do not define the metric */
  private primaryValue(metrics: Metrics): number {
    const value = metrics[this.plan.primaryMetric];
    if (value !== undefined) return value;
    throw new AnnealError(
      failureTypes.invalidData,
      `The primary metric "${this.plan.primaryMetric}" is not defined on the ${this.options.validation.rows} validation rows, for example because they all have the same label. Expected rows of every class. Widen split.validation, or choose another evaluation.primaryMetric.`,
    );
  }

  private async checkpointWhenDue(): Promise<void> {
    const elapsedMs = performance.now() - this.savedAt;
    if (elapsedMs + Math.min(maxChunkMs, this.options.checkpointEveryMs / 2) > this.options.checkpointEveryMs) await this.checkpoint();
  }

  private async checkpoint(): Promise<void> {
    this.state = { ...this.state, state: await this.options.session.getState() };
    await this.options.onCheckpoint?.(this.state);
    this.savedAt = performance.now();
    this.savedStep = this.state.step;
  }

  private async stopIfAborted(): Promise<void> {
    // Lets messages of the parent process in: the engine's calls block the event loop.
    await nextTurn();
    const { signal } = this.options;
    if (!signal?.aborted) return;
    if (this.state.step > this.savedStep) await this.checkpoint();
    throw signal.reason;
  }

  private rowsPerSecond(): number {
    const rows = (this.state.step - this.resumedAtStep) * this.plan.step.batchSize;
    return this.trainingMs === 0 ? 0 : rows / (this.trainingMs / 1000);
  }

  private report(): void {
    const { step } = this.state;
    const secondsPerStep = (performance.now() - this.startedAt) / 1000 / Math.max(1, step - this.resumedAtStep);
    const progress = {
      step,
      totalSteps: this.lastStep,
      epoch: Math.ceil(step / this.plan.stepsPerEpoch),
      epochs: Math.ceil(this.lastStep / this.plan.stepsPerEpoch),
      loss: this.lastLoss,
      rowsPerSecond: this.rowsPerSecond(),
      etaSeconds: (this.lastStep - step) * secondsPerStep,
      ...(this.validated ? { validation: this.validated } : {}),
    };
    this.options.onProgress?.(progress, this.state.history.points);
  }

  private diverged(step: number, found: string): AnnealError {
    return new AnnealError(
      failureTypes.diverged,
      `Training diverged at step ${step}: ${found}. Expected a finite loss below ${maxLoss}. Lower training.learningRate (it is ${this.plan.learningRate}), or look for extreme values among the numeric features.`,
      { step },
    );
  }

  /** Of the parameters that the model starts with; no learning rate has had a part in it. */
  private neverFinite(found: string): AnnealError {
    const { model } = this.plan.step;
    const suspects =
      model.family === 'module'
        ? `Look at what ${model.module} computes (a logarithm or a root of what may be 0 or less, a division by 0, large initial numbers), and for extreme values among the numeric features`
        : 'Look for extreme values among the numeric features and, of a regression, in the target';
    return new AnnealError(
      failureTypes.diverged,
      `Training diverged at step 1, before anything was learnt: ${found}. Expected a finite loss below ${maxLoss}. ${suspects}.`,
      { step: 1 },
    );
  }
}

/** The curve of a long training leaves some validations out; the best state may be newer than those that it has. */
function validatedBefore({ history, best }: RunState): Metrics | undefined {
  const kept = newestValidation(history);
  return best && best.step > (kept?.step ?? -1) ? best.metrics : kept?.metrics;
}
