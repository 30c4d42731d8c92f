import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { ModelBundle } from './model.js';

/** A registered version that a model's lifecycle can serve. */
export interface ServedVersion {
  /** Version number in the registry, e.g. "3". */
  readonly version: string;
  readonly bundle: ModelBundle;
  /** The run that made it, for people who look for its origin. */
  readonly pipelineRun?: string;
  /** When that run started, milliseconds since 1970; tells which of two versions is the newer one. */
  readonly runStartedAtMs?: number;
  readonly mlflowRunId?: string;
}

export interface HostLease {
  readonly hostId: string;
  readonly taskQueue: string;
  /** Where the host answers, for people: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Workflow time of its last call, milliseconds since 1970. */
  readonly seenAtMs: number;
  /** What it serves now, if anything. */
  readonly version?: string;
  readonly epoch: number;
}

/** State of `modelLifecycle`; `champion` and `epoch` also stand in the workflow's memo under `servingMemoKey`. */
export interface ServingState {
  readonly model: string;
  /** Fencing counter: grows with every change of what serves. A host ignores an older one. */
  readonly epoch: number;
  readonly champion?: ServedVersion;
  readonly previous?: ServedVersion;
  /** Being rolled out. */
  readonly candidate?: ServedVersion;
  readonly hosts: readonly HostLease[];
  /** Newest last, at most 20. */
  readonly history: readonly {
    readonly epoch: number;
    readonly version: string;
    readonly action: 'promote' | 'rollback';
    readonly reason: string;
    readonly atMs: number;
  }[];
}

export const servingMemoKey = 'anneal.serving';

/** What a host acts on. */
export interface ServingTarget {
  readonly epoch: number;
  readonly champion?: ServedVersion;
}

export interface PromoteInput {
  /** A bare version number is looked up in the registry. */
  readonly version: ServedVersion | string;
  readonly reason: string;
  readonly minHosts: number;
  readonly hostWaitSeconds: number;
  /** Refuse (`Superseded`) when what serves comes from a run that started later. @default false: somebody asks for this very version */
  readonly unlessSuperseded?: boolean;
  /** Refuse (`ChampionChanged`) when another version serves; null: when any does. @default undefined: whatever serves */
  readonly ifChampion?: string | null;
}

export interface RolloutResult {
  readonly model: string;
  readonly version: string;
  readonly epoch: number;
  /** Ids of the hosts that serve it. */
  readonly acknowledged: readonly string[];
  /** Hosts that did not answer; they reconcile by themselves when they are back. */
  readonly unreachable: readonly string[];
  /** What is to be looked at although it serves, e.g. a fallback model that cannot answer for it. */
  readonly warnings?: readonly string[];
}

export interface WaitForVersionInput {
  readonly hostId: string;
  readonly taskQueue: string;
  readonly url: string;
  /** The epoch that the host knows; the update returns when there is a newer one, or after `timeoutSeconds`. */
  readonly knownEpoch: number;
  readonly version?: string;
  readonly timeoutSeconds: number;
}

/** Waits its turn while another change is made; returns when the fleet has acknowledged and the alias has moved. */
export const promoteUpdate = defineUpdate<RolloutResult, [PromoteInput]>('promote');
/** Back to the previous champion. */
export const rollbackUpdate = defineUpdate<RolloutResult, [{ reason: string; hostWaitSeconds: number }]>('rollback');
/** Blocks until there is something newer than `knownEpoch`; renews the host's lease. */
export const waitForVersionUpdate = defineUpdate<ServingTarget, [WaitForVersionInput]>('waitForVersion');
/** A host that stops gives its lease back. */
export const leaveSignal = defineSignal<[{ hostId: string }]>('leave');
export const servingStateQuery = defineQuery<ServingState>('servingState');

/** Activity `loadVersion` on the host's own queue: download, verify the digests, load, warm, reproduce the golden outputs. Nothing serves it yet, unless `activate` asks for that. */
export interface LoadVersionInput {
  readonly model: string;
  readonly version: ServedVersion;
  readonly epoch: number;
  /** Activate it, too: the host is the only one, so there is none to wait for. A host of before this field only loads. @default false */
  readonly activate?: boolean;
}

export interface LoadVersionResult {
  readonly hostId: string;
  readonly loadMs: number;
  /** Largest absolute difference from the golden outputs. */
  readonly goldenDifference: number;
  /** Whether the version takes new requests already. Absent: no. */
  readonly activated?: boolean;
}

/** Activity `activateVersion` on the host's own queue: the staged version takes new requests; the old one drains. */
export interface ActivateVersionInput {
  readonly model: string;
  readonly version: string;
  readonly epoch: number;
}

/** A version by its number, or the one that a label stands on, `champion` or `previous`. Default: the one that answers by default. */
export type PredictTarget =
  | { readonly version?: string; readonly label?: undefined }
  | { readonly version?: undefined; readonly label?: string };

/** Activity `predict` on `anneal-inference`. */
export type PredictInput = PredictTarget & {
  readonly model: string;
  readonly instances: readonly Readonly<Record<string, unknown>>[];
};

/** One prediction of the row-oriented API. */
export interface Prediction {
  /** Classification: name of the class. */
  readonly label?: string;
  /** Multilabel: which labels the row is said to have. */
  readonly labels?: Readonly<Record<string, boolean>>;
  /** Binary classification: probability of the positive class. */
  readonly probability?: number;
  /** Classification: by name of the class, or of the label. */
  readonly probabilities?: Readonly<Record<string, number>>;
  /** Regression; the median where quantiles are predicted. */
  readonly value?: number;
  /** By the quantile as text, `"0.1"`. */
  readonly quantiles?: Readonly<Record<string, number>>;
  /** Share of the training rows that are less unusual than this one; absent where the version, or what answered instead, gives none. */
  readonly anomaly?: number;
}

/** What answered instead of the version that was asked: another model, the last answer to the same input, the training prior. */
export type Degradation = 'fallback' | 'cache' | 'prior';

export interface PredictResult {
  readonly model: string;
  readonly version: string;
  readonly predictions: readonly Prediction[];
  /** Absent: the model itself answered. Of `fallback`, `version` is that of the other model. */
  readonly degraded?: Degradation;
  /** Positions of the rows that the model's policy takes for anomalous; with `degraded`, these alone were answered otherwise. */
  readonly anomalous?: readonly number[];
}
