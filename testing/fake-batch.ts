import type { BatchActivities, BatchRequest, BatchTotals, PlannedBatch, PredictedPartition } from '../contracts/batch.js';
import type { ServedVersion } from '../contracts/serving.js';
import type { TestActivities } from './workflow-environment.js';

const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };

export function testBatch(changes: Partial<BatchRequest> = {}): BatchRequest {
  return {
    model: 'toy',
    job: 'job',
    source: { format: 'parquet', uri: '/data/rows.parquet' },
    directory: '/data/output',
    format: 'parquet',
    keep: 'all',
    rejectOutOfRange: false,
    maxRejected: 1,
    concurrency: 3,
    partitionRows: 1000,
    ...changes,
  };
}

export function testVersion(version: string): ServedVersion {
  return { version, bundle: { model: { ...ref, sha256: `model-${version}` }, manifest: ref, golden: ref } };
}

export interface FakeBatchBehaviour {
  readonly partitions: number;
  /** Rows of each partition; the job knows how many there are unless `isUnknown`. */
  readonly rows?: number;
  readonly isUnknown?: boolean;
  readonly champion?: () => ServedVersion | undefined;
  /** Called for each partition; throw to make it fail, answer to change its result. */
  readonly onPredict?: (partition: number) => unknown;
  /** Damaged partitions that each seal finds, by its number from 0. */
  readonly onSeal?: (seal: number) => readonly number[];
}

/** The activities of a batch job, which answer at once, and a record of what they were asked. */
export class FakeBatch {
  readonly predicted: number[] = [];
  /** Partitions that ran at the same time, at most. */
  mostAtOnce = 0;
  /** The plan outlives the workflow, as a job's folder does. */
  planned: PlannedBatch | undefined;
  readonly finished = new Set<number>();
  private running = 0;
  private seals = 0;

  constructor(private readonly behaviour: FakeBatchBehaviour) {}

  activities(): TestActivities {
    const { behaviour } = this;
    return {
      orchestration: {
        currentChampion: async () => (behaviour.champion ? behaviour.champion() : testVersion('3')),
        resolveModelVersion: async ({ version }: { readonly version: string }) => testVersion(version),
      },
      data: this.data(),
      training: { unused: async () => undefined },
    };
  }

  private data(): BatchActivities & TestActivities['data'] {
    const { partitions, rows = 100, isUnknown, onPredict, onSeal } = this.behaviour;
    return {
      openBatch: async () => (this.planned ? { planned: this.planned } : {}),
      planBatch: async ({ version }) => {
        this.planned = {
          plan: ref,
          version,
          partitions,
          files: 1,
          sizeBytes: 1,
          ...(isUnknown ? {} : { rows: partitions * rows }),
          startedAtMs: Date.now(),
        };
        return this.planned;
      },
      predictPartition: async ({ partition }) => {
        this.predicted.push(partition);
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.running);
        try {
          const reused = this.finished.has(partition);
          const changes = (await onPredict?.(partition)) as Partial<PredictedPartition> | undefined;
          this.finished.add(partition);
          return { rows, rejected: 0, reasons: {}, reused, ...changes };
        } finally {
          this.running--;
        }
      },
      sealBatch: async () => {
        const damaged = onSeal?.(this.seals++) ?? [];
        if (damaged.length > 0) return { damaged };
        const totals: BatchTotals = {
          manifest: '/data/output/manifest.json',
          rows: partitions * rows,
          predicted: partitions * rows,
          rejected: 0,
          reasons: {},
          parts: partitions,
          sizeBytes: 1,
        };
        return { totals };
      },
    };
  }
}
