import { defineQuery } from '@temporalio/workflow';
import type { FileSource } from './pipeline/source.js';
import type { ArtifactRef } from './reference.js';
import type { ServedVersion } from './serving.js';

export const batchFormats = ['parquet', 'csv', 'jsonl'] as const;
export type BatchFormat = (typeof batchFormats)[number];

/** Rows of a large Parquet file that one activity predicts, unless the request says otherwise. */
export const defaultPartitionRows = 250_000;

/** What somebody asks a batch job for. */
export interface BatchRequest {
  readonly model: string;
  /** Name of the job; one that was interrupted goes on under the same name. */
  readonly job: string;
  /** Number or alias in the registry. @default what serves when the job begins */
  readonly version?: string;
  /** Files whose columns bear the names of the model's raw inputs. */
  readonly source: FileSource;
  /** Absolute path of a folder that all data workers see, or `s3://<bucket>/<prefix>`; empty or not there, or that of the same job. */
  readonly directory: string;
  readonly format: BatchFormat;
  /** Columns of the input that stand beside the predictions: their names, or all but images. */
  readonly keep: 'all' | readonly string[];
  /** Whether a row outside of the ranges that the pipeline declares is rejected; else it is predicted, as by a host. */
  readonly rejectOutOfRange: boolean;
  /** Share of the rows, in [0, 1], that may be rejected before the job fails; it fails too when all are. */
  readonly maxRejected: number;
  /** Partitions that are predicted at a time, as far as there are workers for them. */
  readonly concurrency: number;
  readonly partitionRows: number;
}

/** What a job is, whatever its limits: a second request under its name must agree with it. */
export type BatchIdentity = Omit<BatchRequest, 'job' | 'version' | 'maxRejected' | 'concurrency'>;

/** A file of the input. */
export interface PlannedFile {
  readonly uri: string;
  readonly sizeBytes: number;
  /** Of a remote file. */
  readonly etag?: string;
  /** Of a local one; tells a file that changed. */
  readonly modifiedMs?: number;
  /** Known before it is read where the format says so. */
  readonly rows?: number;
  /** Values of the folders named `key=value` that it lies in. */
  readonly partition?: Readonly<Record<string, string | null>>;
}

/** A whole file, or some rows of a Parquet file; one part of the output. */
export interface PlannedPartition {
  /** Index into `BatchPlan.files`. */
  readonly file: number;
  /** Rows [from, until) of the file, from 0; absent: all. */
  readonly rows?: readonly [number, number];
}

/** The content of a plan artifact. */
export interface BatchPlan {
  readonly formatVersion: 1;
  readonly identity: BatchIdentity;
  readonly version: ServedVersion;
  readonly files: readonly PlannedFile[];
  readonly partitions: readonly PlannedPartition[];
  /** Uris of files without a byte. */
  readonly empty: readonly string[];
  /**
   * Whether columns that the model reads are written in its types, where the format of the input has none of its own; absent: as they
   * were read. Plans of jobs that began before lack it, so that all parts of a job have the same types.
   */
  readonly typedInputs?: boolean;
}

/** What a workflow knows of a plan. */
export interface PlannedBatch {
  /** JSON of `BatchPlan`. */
  readonly plan: ArtifactRef;
  readonly version: ServedVersion;
  readonly partitions: number;
  readonly files: number;
  readonly sizeBytes: number;
  /** Absent where a file does not tell before it is read. */
  readonly rows?: number;
  /** When the job began, milliseconds since 1970. */
  readonly startedAtMs: number;
}

/** Rows that were not predicted, by reason. */
export type Rejects = Readonly<Record<string, number>>;

/** A finished part of the output. */
export interface BatchPart {
  /** Name in the output folder; absent where no row was predicted. */
  readonly name?: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256?: string;
  /** The rows that were not predicted, in a file of their own. */
  readonly rejected?: {
    readonly name: string;
    readonly rows: number;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly reasons: Rejects;
  };
  readonly durationMs: number;
  /** Of the file that was read, where the part begins it. */
  readonly inputSha256?: string;
}

export interface PredictPartitionInput {
  readonly plan: ArtifactRef;
  /** From 0. */
  readonly partition: number;
}

export interface PredictedPartition {
  /** Predicted. */
  readonly rows: number;
  readonly rejected: number;
  readonly reasons: Rejects;
  /** True when an earlier attempt had finished it. */
  readonly reused: boolean;
}

export interface SealBatchInput {
  readonly plan: ArtifactRef;
  readonly job: string;
  readonly startedAtMs: number;
  readonly maxRejected: number;
}

/** One of both. */
export interface SealedBatch {
  readonly totals?: BatchTotals;
  /** Partitions, at most some hundred at a time, whose files are gone or not as they were written: to be predicted again. */
  readonly damaged?: readonly number[];
}

export interface BatchTotals {
  /** Path of the manifest. */
  readonly manifest: string;
  readonly rows: number;
  readonly predicted: number;
  readonly rejected: number;
  readonly reasons: Rejects;
  readonly parts: number;
  readonly sizeBytes: number;
}

/** The content of `manifest.json`, which is written last. */
export interface BatchManifest {
  readonly formatVersion: 1;
  readonly model: string;
  readonly job: string;
  readonly version: string;
  /** sha256 of the ONNX file. */
  readonly modelDigest: string;
  readonly format: BatchFormat;
  readonly rows: number;
  readonly predicted: number;
  readonly rejected: { readonly rows: number; readonly reasons: Rejects };
  /** Milliseconds of work, all partitions together. */
  readonly workMs: number;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly durationMs: number;
  readonly inputs: readonly {
    readonly uri: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    /** Rows that were read of it. */
    readonly rows: number;
  }[];
  /** In the order of the input. */
  readonly parts: readonly (Omit<BatchPart, 'inputSha256'> & { readonly input: string; readonly inputRows?: readonly [number, number] })[];
}

export type BatchState = 'running' | 'completed' | 'failed' | 'cancelled';

/** Answer of the `batchStatus` query, while the job goes on and after it has ended. */
export interface BatchStatus {
  readonly model: string;
  readonly job: string;
  readonly state: BatchState;
  readonly phase: 'plan' | 'predict' | 'seal';
  readonly request: BatchRequest;
  readonly version?: string;
  /** sha256 of the ONNX file. */
  readonly modelDigest?: string;
  readonly partitions: { readonly done: number; readonly total: number };
  readonly rows: { readonly predicted: number; readonly rejected: number; readonly total?: number };
  /** Rows of parts that were there already; they say nothing of the speed. */
  readonly reusedRows: number;
  readonly reasons: Rejects;
  readonly startedAtMs: number;
  /** When the first partition was begun. */
  readonly predictingSinceMs?: number;
  readonly endedAtMs?: number;
  readonly totals?: BatchTotals;
  /** Why it has failed; one paragraph. */
  readonly reason?: string;
}

export const batchStatusQuery = defineQuery<BatchStatus>('batchStatus');

export interface BatchInferenceInput {
  readonly request: BatchRequest;
  /** Carried over when the workflow continues as new. */
  readonly carried?: CarriedBatch;
}

export interface CarriedBatch {
  readonly planned: PlannedBatch;
  /** The partition to begin next. */
  readonly next: number;
  readonly predicted: number;
  readonly rejected: number;
  readonly reusedRows: number;
  readonly reasons: Rejects;
  readonly startedAtMs: number;
  readonly predictingSinceMs: number;
}

/** Result of the workflow. */
export interface BatchResult extends BatchTotals {
  readonly model: string;
  readonly job: string;
  readonly version: string;
  readonly modelDigest: string;
  readonly directory: string;
  readonly durationMs: number;
}

/** Queue `anneal-data`. */
export interface BatchActivities {
  /** The plan of a job that was interrupted. @throws `InvalidRequest` when the folder is another job's, or holds other files */
  openBatch(input: { readonly request: BatchRequest }): Promise<{ readonly planned?: PlannedBatch }>;
  /** Lists the input, checks its columns against the model's inputs, and claims the folder. */
  planBatch(input: { readonly request: BatchRequest; readonly version: ServedVersion }): Promise<PlannedBatch>;
  /** Heartbeats `PartitionProgress`. The part appears whole or not at all; one that is there is not made again. */
  predictPartition(input: PredictPartitionInput): Promise<PredictedPartition>;
  /** Verifies the parts and writes the manifest. @throws `InvalidData` when too many rows were rejected */
  sealBatch(input: SealBatchInput): Promise<SealedBatch>;
}

export interface PartitionProgress {
  readonly rows?: number;
  readonly totalRows?: number;
  /** Of its input, while it is read. */
  readonly readBytes?: number;
  readonly sizeBytes?: number;
}
