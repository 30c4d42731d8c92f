import { ApplicationFailure } from '@temporalio/common';
import type {
  DataActivities,
  IngestInput,
  RegisterInput,
  RunTags,
  TrackingActivities,
  TrainingActivities,
  ValidationResult,
} from '../contracts/activities.js';
import { failureTypes } from '../contracts/failures.js';
import { definePipeline, type Metrics, type PipelineInput, type PipelineSpec } from '../contracts/pipeline.js';
import type { ServedVersion } from '../contracts/serving.js';
import type { TrainInput, TrainResult } from '../contracts/training.js';
import type { TestActivities } from './workflow-environment.js';

const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };

/** A small valid pipeline for tests of the orchestration, whose activities are stood in for at the boundary. */
export function testPipeline(changes: Partial<PipelineInput> = {}): PipelineSpec {
  return definePipeline({
    name: 'toy',
    source: { format: 'csv', uri: 'toy.csv' },
    columns: { x: { type: 'float' }, y: { type: 'integer' } },
    target: { task: 'binary', name: 'label', expression: 'y > 0' },
    split: { kind: 'random' },
    features: { x: { kind: 'numeric', column: 'x' } },
    model: { family: 'linear' },
    sweep: {
      trials: 8,
      eta: 3,
      rungs: [10, 30],
      concurrency: 3,
      space: { 'training.learningRate': { kind: 'log-uniform', low: 0.001, high: 0.1 } },
    },
    gates: [
      { metric: 'auc', min: 0.6 },
      { metric: 'auc', betterThan: 'champion', by: 0 },
    ],
    ...changes,
  });
}

export interface FakeBehaviour {
  /** Test metrics of the model that was trained. */
  readonly test?: Metrics;
  readonly championTest?: Metrics;
  /** Why the champion could not be measured. */
  readonly championSkipped?: string;
  /** Number of partitions that the source is said to have; one when absent. */
  readonly partitions?: number;
  /** Called for each training; throw to make it fail. */
  readonly onTrain?: (input: TrainInput) => void | Promise<void>;
  /** What a training says of itself, beside what each says. */
  readonly training?: Partial<TrainResult>;
  /** What a training reaches on the validation part. */
  readonly validation?: (input: TrainInput) => Metrics;
  /** What each validation finds, by its number from 0; default: data that pass. */
  readonly onValidate?: (validation: number) => Partial<ValidationResult>;
  /** What the source looks like at the moment. */
  readonly identity?: () => string;
  /** Who serves at the moment; null: nobody. */
  readonly champion?: () => ServedVersion | null | undefined;
  /** What each promotion asks for, and what is to be said of it; throw to refuse it. */
  readonly onPromote?: (input: Parameters<TrackingActivities['promoteVersion']>[0]) => readonly string[] | void;
  /** Called with the name of each other activity as it starts; throw to make it fail. */
  readonly onActivity?: (name: string) => void | Promise<void>;
}

/** Activities that answer at once, and a record of what they were asked. */
export class FakeStages {
  readonly calls: string[] = [];
  readonly trained: TrainInput[] = [];
  readonly ingested: IngestInput[] = [];
  readonly tags: RunTags[] = [];
  readonly registered: RegisterInput[] = [];
  private validations = 0;
  readonly closed: { outcome: string; reason?: string }[] = [];

  constructor(private readonly behaviour: FakeBehaviour = {}) {}

  activities(): TestActivities {
    return { orchestration: this.tracking(), data: this.data(), training: this.training() };
  }

  private async note(name: string): Promise<void> {
    this.calls.push(name);
    await this.behaviour.onActivity?.(name);
  }

  private data(): DataActivities & TestActivities['data'] {
    return {
      ingestSource: async (input) => {
        this.ingested.push(input);
        await this.note('ingestSource');
        const { partitions } = this.behaviour;
        if (partitions !== undefined) return { plan: { plan: ref, partitions, files: partitions, sizeBytes: 1 } };
        return { snapshot: { manifest: ref, digest: this.behaviour.identity?.() ?? 'cd', rows: 1000, reused: false } };
      },
      ingestPartition: async ({ partition }) => {
        await this.note(`ingestPartition ${partition}`);
        return { files: { ...ref, sizeBytes: partition } };
      },
      sealSnapshot: async ({ partitions }) => {
        await this.note(`sealSnapshot ${partitions.map(({ files }) => files.sizeBytes).join(' ')}`);
        return { manifest: ref, digest: 'cd', rows: 1000, reused: false };
      },
      validateDataset: async () => {
        await this.note('validateDataset');
        const found = { report: ref, passed: true, clean: ref, rows: 990, quarantined: [{ reason: 'x below 0', rows: 10 }], anomalies: [] };
        return { ...found, ...this.behaviour.onValidate?.(this.validations++) };
      },
      sourceIdentity: async () => ({ identity: this.behaviour.identity?.() ?? 'unchanged' }),
      acceptDataset: () => this.note('acceptDataset'),
      prepareDataset: async () => {
        await this.note('prepareDataset');
        return { manifest: ref, rows: { train: 700, validation: 140, test: 150 }, dropped: [] };
      },
      prepareFolds: async ({ spec }) => {
        await this.note('prepareFolds');
        const rows = { train: 600, validation: 100, heldOut: 140 };
        const folds = Array.from({ length: spec.crossValidation!.folds }, (_, i) => ({ fold: i + 1, prepared: ref, rows }));
        return { folds, assignment: ref };
      },
      findLabelIssues: async () => {
        await this.note('findLabelIssues');
        return { rows: 12, share: 0.0143, report: ref };
      },
      exportModel: async () => {
        await this.note('exportModel');
        return { model: { ...ref, sha256: 'ab' }, manifest: ref, golden: ref };
      },
      evaluateModel: async ({ champion }) => {
        await this.note('evaluateModel');
        return {
          report: ref,
          summary: {
            rows: 150,
            metrics: this.behaviour.test ?? { auc: 0.8 },
            baseline: { auc: 0.5 },
            ...(this.behaviour.championSkipped
              ? { championSkipped: this.behaviour.championSkipped }
              : { champion: champion && { version: champion.version, metrics: this.behaviour.championTest ?? { auc: 0.7 } } }),
            primaryMetric: 'auc',
          },
        };
      },
    };
  }

  private training(): TrainingActivities & TestActivities['training'] {
    return {
      checkEngines: ({ engines }) => this.note(`checkEngines ${engines.join(' ')}`),
      trainModel: async (input): Promise<TrainResult> => {
        this.trained.push(input);
        await this.behaviour.onTrain?.(input);
        const { learningRate } = input.training;
        return {
          checkpoint: ref,
          step: input.untilStep ?? 100,
          epoch: 1,
          validation: this.behaviour.validation?.(input) ?? { auc: 0.5 + learningRate },
          history: [{ step: 1, metrics: { loss: 0.7 } }],
          stopped: 'completed',
          ...(input.key.includes('/fold-')
            ? { heldOut: { metrics: { auc: 0.7 + Number(input.key.at(-1)) / 100 }, predictions: ref } }
            : {}),
          engine: { name: 'onnxruntime', reason: 'test' },
          parametersDigest: '00',
          parameters: 2,
          rowsPerSecond: 1000,
          durationMs: 1,
          resumedAtStep: 0,
          ...this.behaviour.training,
        };
      },
    };
  }

  private tracking(): Partial<TrackingActivities> & TestActivities['orchestration'] {
    return {
      openRun: async () => {
        await this.behaviour.onActivity?.('openRun');
        return { experimentId: '1', runId: 'r', url: 'http://127.0.0.1:5000/#/r' };
      },
      logDataReport: () => this.note('logDataReport'),
      logDataset: () => this.note('logDataset'),
      logFold: ({ fold }) => this.note(`logFold ${fold}`),
      logCrossValidation: () => this.note('logCrossValidation'),
      logTrial: ({ state }) => this.note(`logTrial ${state}`),
      tagRun: async ({ tags }) => void this.tags.push(tags),
      registerModelVersion: async (input) => {
        this.registered.push(input);
        await this.note('registerModelVersion');
        return { version: '4', bundle: { model: ref, manifest: ref, golden: ref } };
      },
      currentChampion: async () => {
        const champion = this.behaviour.champion?.();
        if (champion !== undefined) return champion ?? undefined;
        return this.behaviour.championTest ? { version: '3', bundle: { model: ref, manifest: ref, golden: ref } } : undefined;
      },
      promoteVersion: async (input) => {
        const { model, version } = input;
        await this.note('promoteVersion');
        const warnings = this.behaviour.onPromote?.(input) ?? [];
        const served = typeof version === 'string' ? version : version.version;
        return { model, version: served, epoch: 1, acknowledged: ['h'], unreachable: [], ...(warnings.length > 0 ? { warnings } : {}) };
      },
      closeRun: async ({ outcome, reason }) => void this.closed.push({ outcome, reason }),
    };
  }
}

/** A failure that Temporal does not retry. */
export function permanent(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: failureTypes.invalidData, nonRetryable: true, message });
}
