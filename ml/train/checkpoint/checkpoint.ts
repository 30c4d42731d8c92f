import { createHash } from 'node:crypto';
import { AnnealError, failureTypes } from '../../../contracts/failures.js';
import type { Metrics } from '../../../contracts/pipeline.js';
import type { Calibration } from '../../evaluate/calibration/prediction-calibration.js';
import type { RecordedNetwork } from '../../models/module/recorded-network.js';
import type { StoppingState } from '../early-stopping.js';
import type { EngineState, StepPlan } from '../engine.js';
import { type StateName, stateNames } from './engine-state.js';
import type { HistoryState } from './history.js';
import { canonicalJson } from '../../../contracts/canonical-json.js';

/** The state with the best validation so far: what a finished run exports. */
export interface BestState {
  readonly step: number;
  readonly metrics: Metrics;
  readonly calibration: Calibration;
  /** Binary: the probability from which on a row counts as positive. */
  readonly threshold?: number;
  readonly parameters: Float32Array;
}

/**
 * Everything that the rest of a run depends on, beside its plan and its data: equal checkpoints, equal futures, whatever their
 * `durationMs`. The cursor in the data is `step`, since an epoch's order is a function of the seed and the epoch.
 */
export interface Checkpoint {
  /** `TrainInput.key` of the work that wrote it, so that no two pieces of work share a file that one of them may remove. */
  readonly key: string;
  /** Digest of the plan, the engine and the data; a checkpoint fits only a run with the same one. */
  readonly digest: string;
  readonly plan: StepPlan;
  readonly engine: { readonly name: string; readonly reason: string };
  /** Steps done. */
  readonly step: number;
  /** Time that the training has taken so far, without what attempts did after their last checkpoint; absent in older ones. */
  readonly durationMs?: number;
  /** Step of the last validation, so that a resume does not repeat it. */
  readonly validatedAtStep?: number;
  readonly stopping: StoppingState;
  readonly history: HistoryState;
  readonly best?: BestState;
  readonly state: EngineState;
  /** Of a user's module: its forward pass, which is exported without the module's code. */
  readonly network?: RecordedNetwork;
}

/*
 * File: 8 bytes magic, uint32 length of the header, the header as JSON padded with spaces to a multiple of 4,
 * the float32 arrays one after the other, SHA-256 of all of that. Numbers are little-endian.
 */
const magic = 'ANNEALCK';
/** Of a state of parameters and two moments; all that there was when the format began. */
const firstVersion = 1;
/** Names the vectors of the state. */
const namedVersion = 2;
const firstVectors: readonly StateName[] = ['parameters', 'firstMoment', 'secondMoment'];
const prefixBytes = 12;
const digestBytes = 32;

interface Header extends Omit<Checkpoint, 'state' | 'best'> {
  readonly formatVersion: number;
  /** Vectors of the state; absent in version 1. */
  readonly vectors?: readonly StateName[];
  readonly best?: Omit<BestState, 'parameters'>;
  /** Number of values of each array, in the order of the file. */
  readonly arrays: readonly number[];
}

/** @returns the bytes of a checkpoint file; equal checkpoints give equal bytes */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { state, best, ...rest } = checkpoint;
  const vectors = stateNames.filter((name) => state[name] !== undefined);
  const isFirst = vectors.join() === firstVectors.join();
  const arrays = [...vectors.map((name) => state[name]!), ...(best ? [best.parameters] : [])];
  const { parameters: _, ...bestRest } = best ?? { parameters: undefined };
  const header: Header = {
    formatVersion: isFirst ? firstVersion : namedVersion,
    ...(isFirst ? {} : { vectors }),
    ...rest,
    ...(best ? { best: bestRest as Omit<BestState, 'parameters'> } : {}),
    arrays: arrays.map((array) => array.length),
  };
  const text = new TextEncoder().encode(canonicalJson(header));
  const headerBytes = Math.ceil(text.length / 4) * 4;
  const bodyBytes = prefixBytes + headerBytes + arrays.reduce((sum, array) => sum + array.byteLength, 0);
  const bytes = new Uint8Array(bodyBytes + digestBytes);
  bytes.set(new TextEncoder().encode(magic));
  new DataView(bytes.buffer).setUint32(8, headerBytes, true);
  bytes.fill(0x20, prefixBytes, prefixBytes + headerBytes);
  bytes.set(text, prefixBytes);
  let at = prefixBytes + headerBytes;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  bytes.set(sha256(bytes.subarray(0, bodyBytes)), bodyBytes);
  return bytes;
}

/** @throws AnnealError `ArtifactCorrupt` when the bytes are not a whole checkpoint of this format */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const bodyBytes = bytes.length - digestBytes;
  if (bodyBytes < prefixBytes || new TextDecoder().decode(bytes.subarray(0, magic.length)) !== magic) {
    throw corrupt(`its ${bytes.length} bytes do not begin like a checkpoint`);
  }
  const digest = sha256(bytes.subarray(0, bodyBytes));
  if (!digest.every((byte, i) => bytes[bodyBytes + i] === byte)) throw corrupt('its content does not match its digest');

  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  const text = new TextDecoder().decode(bytes.subarray(prefixBytes, prefixBytes + headerBytes));
  const { formatVersion: version, arrays: lengths, best, vectors = firstVectors, ...rest } = JSON.parse(text) as Header;
  if (version !== firstVersion && version !== namedVersion)
    throw corrupt(`it has format version ${version}, this program reads ${firstVersion} and ${namedVersion}`);

  let at = prefixBytes + headerBytes;
  const arrays = lengths.map((length) => {
    // A copy, since the arrays need not lie at a multiple of 4; `Buffer` has a `slice` of its own, which makes none.
    const array = new Float32Array(Uint8Array.prototype.slice.call(bytes, at, at + 4 * length).buffer);
    at += 4 * length;
    return array;
  });
  return {
    ...rest,
    state: Object.fromEntries(vectors.map((name, i) => [name, arrays[i]])) as unknown as EngineState,
    ...(best ? { best: { ...best, parameters: arrays[vectors.length] } } : {}),
  };
}

/** sha256 of parameters, as lower-case hex. */
export function parametersDigest(parameters: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(parameters.buffer, parameters.byteOffset, parameters.byteLength))
    .digest('hex');
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function corrupt(found: string): AnnealError {
  return new AnnealError(
    failureTypes.artifactCorrupt,
    `A checkpoint cannot be read: ${found}. Expected a file that a training run wrote completely. Remove it; the run then starts from an older checkpoint or from the beginning, and ends in the same model.`,
  );
}
