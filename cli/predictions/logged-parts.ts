import type { ArtifactStore } from '../../contracts/artifact-store.js';
import { type LoggedPart, type PredictionLogIndex, predictionLogFolder } from '../../contracts/prediction-log.js';
import { CommandError } from '../command-error.js';

/** Which of the logged rows are wanted. */
export interface PredictionFilter {
  /** Milliseconds since 1970; inclusive, exclusive. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly version?: string;
  readonly requestId?: string;
  /** The least anomaly score; or those that the version's policy took for anomalous, and of versions without one those from `from` on. */
  readonly anomaly?: number | { readonly from: number };
  readonly degraded?: boolean;
}

const attempts = 3;

/**
 * The parts that all hosts have logged of a model's predictions.
 *
 * @throws CommandError when there is none
 */
export async function loggedParts(store: ArtifactStore, model: string, place: string): Promise<readonly LoggedPart[]> {
  const pointers = await store.listPointers(predictionLogFolder(model));
  const indexes = await Promise.all(pointers.map((pointer) => readIndex(store, pointer)));
  const parts = indexes.flatMap((index) => index?.parts ?? []);
  if (parts.length > 0) return parts;
  throw new CommandError(
    `There is no log of predictions of a model "${model}" in the artifact store ${place}. Hosts log where ANNEAL_PREDICTION_LOG is set when they start (ANNEAL_PREDICTION_LOG=1 anneal up: all requests), or where the pipeline says serving: { log: { share: 1 } }; a request is in the log about half a minute after its answer. "anneal models" lists the models.`,
  );
}

/** A host that stores a part replaces its index, and removes the one before. */
async function readIndex(store: ArtifactStore, pointer: string): Promise<PredictionLogIndex | undefined> {
  for (let attempt = 1; ; attempt++) {
    const ref = await store.getPointer(pointer);
    if (!ref) return undefined;
    try {
      return await store.readJson<PredictionLogIndex>(ref);
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}

/** @returns the parts that may hold wanted rows, by what the index says of them */
export function wantedParts(parts: readonly LoggedPart[], { sinceMs, untilMs, version }: PredictionFilter): LoggedPart[] {
  return parts.filter(
    (part) =>
      (sinceMs === undefined || part.untilMs >= sinceMs) &&
      (untilMs === undefined || part.fromMs < untilMs) &&
      (version === undefined || part.version === version),
  );
}
