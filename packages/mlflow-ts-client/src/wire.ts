import type { Experiment, Metric, ModelVersion, RegisteredModel, Run, RunStatus, Tags } from './types.js';

/** What the REST API writes, field by field, and the way from it to `types.ts` and back. */

export interface WirePair {
  readonly key: string;
  readonly value?: string;
}

export interface WireExperiment {
  readonly experiment_id: string;
  readonly name: string;
  readonly artifact_location?: string;
  readonly lifecycle_stage?: 'active' | 'deleted';
  readonly tags?: readonly WirePair[];
  readonly creation_time?: number;
  readonly last_update_time?: number;
}

interface WireMetric {
  readonly key: string;
  readonly value: number | 'NaN' | 'Infinity' | '-Infinity';
  readonly timestamp: number;
  readonly step?: number;
}

export interface WireRun {
  readonly info: {
    readonly run_id: string;
    readonly run_name?: string;
    readonly experiment_id: string;
    readonly status: RunStatus;
    readonly start_time: number;
    readonly end_time?: number;
    readonly artifact_uri: string;
    readonly lifecycle_stage: 'active' | 'deleted';
  };
  readonly data?: { readonly metrics?: readonly WireMetric[]; readonly params?: readonly WirePair[]; readonly tags?: readonly WirePair[] };
}

export interface WireRegisteredModel {
  readonly name: string;
  readonly description?: string;
  readonly tags?: readonly WirePair[];
  readonly aliases?: readonly { readonly alias: string; readonly version: string }[];
  readonly creation_timestamp: number;
  readonly last_updated_timestamp: number;
}

export interface WireModelVersion {
  readonly name: string;
  readonly version: string;
  readonly source?: string;
  readonly run_id?: string;
  readonly status?: ModelVersion['status'];
  readonly description?: string;
  readonly tags?: readonly WirePair[];
  readonly aliases?: readonly string[];
  readonly creation_timestamp: number;
  readonly last_updated_timestamp: number;
}

export function pairsToTags(pairs: readonly WirePair[] = []): Tags {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value ?? '']));
}

export function tagsToPairs(tags: Tags = {}): WirePair[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

export function toExperiment(wire: WireExperiment): Experiment {
  return {
    experimentId: wire.experiment_id,
    name: wire.name,
    artifactLocation: wire.artifact_location ?? '',
    lifecycleStage: wire.lifecycle_stage ?? 'active',
    tags: pairsToTags(wire.tags),
    ...(wire.creation_time !== undefined && { creationTimeMs: wire.creation_time }),
    ...(wire.last_update_time !== undefined && { lastUpdateTimeMs: wire.last_update_time }),
  };
}

export function toMetric(wire: WireMetric): Metric {
  return { key: wire.key, value: Number(wire.value), timestampMs: wire.timestamp, step: wire.step ?? 0 };
}

/** JSON has no NaN and no infinities; MLflow takes them as text. */
export function fromMetric(metric: Metric): object {
  const value = Number.isFinite(metric.value) ? metric.value : String(metric.value);
  return { key: metric.key, value, timestamp: Math.round(metric.timestampMs), step: metric.step };
}

export function toRun({ info, data }: WireRun): Run {
  return {
    runId: info.run_id,
    runName: info.run_name ?? '',
    experimentId: info.experiment_id,
    status: info.status,
    startTimeMs: info.start_time,
    ...(info.end_time !== undefined && { endTimeMs: info.end_time }),
    artifactUri: info.artifact_uri,
    lifecycleStage: info.lifecycle_stage,
    metrics: (data?.metrics ?? []).map(toMetric),
    params: pairsToTags(data?.params),
    tags: pairsToTags(data?.tags),
  };
}

export function toRegisteredModel(wire: WireRegisteredModel): RegisteredModel {
  return {
    name: wire.name,
    description: wire.description ?? '',
    tags: pairsToTags(wire.tags),
    aliases: Object.fromEntries((wire.aliases ?? []).map(({ alias, version }) => [alias, version])),
    creationTimeMs: wire.creation_timestamp,
    lastUpdateTimeMs: wire.last_updated_timestamp,
  };
}

export function toModelVersion(wire: WireModelVersion): ModelVersion {
  return {
    name: wire.name,
    version: wire.version,
    source: wire.source ?? '',
    ...(wire.run_id && { runId: wire.run_id }),
    status: wire.status ?? 'READY',
    description: wire.description ?? '',
    tags: pairsToTags(wire.tags),
    aliases: wire.aliases ?? [],
    creationTimeMs: wire.creation_timestamp,
    lastUpdateTimeMs: wire.last_updated_timestamp,
  };
}
