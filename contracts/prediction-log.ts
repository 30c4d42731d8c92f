import type { ArtifactRef } from './reference.js';

/** Below it lie the pointers of all hosts. */
export function predictionLogFolder(model: string): string {
  return `prediction-log/${model}`;
}

/** Where the artifact store says which parts a host has logged of a model's predictions. */
export function predictionLogPointer(model: string, hostId: string): string {
  return `${predictionLogFolder(model)}/${hostId}`;
}

/** What the pointer leads to. */
export interface PredictionLogIndex {
  readonly formatVersion: 1;
  readonly model: string;
  readonly hostId: string;
  /** In the order in which they were stored. */
  readonly parts: readonly LoggedPart[];
}

/** A Parquet file of logged rows of one version. */
export interface LoggedPart {
  readonly data: ArtifactRef;
  readonly version: string;
  readonly rows: number;
  /** Of the first and the last request, milliseconds since 1970. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Names of the host's files that it was made of. */
  readonly segments: readonly string[];
}
