import type { FailureType } from '../contracts/failures.js';
import type { PredictInput, PredictResult } from '../contracts/serving.js';
import type { HttpLimits } from './http-server.js';
import type { VersionFiles } from './load-model.js';
import type { ModelState } from './model-registry.js';
import type { PredictionLogOptions } from './prediction-log/prediction-log.js';

export type ListenerName = 'http' | 'grpc';

/** What the supervisor asks of a serving process, over Node's IPC channel; every command is answered once. */
export interface ServingCommands {
  /** Open the HTTP server, and the gRPC server. The first command, sent once. */
  start: {
    readonly input: {
      readonly host: string;
      readonly port: number;
      /** Left out: no gRPC server. */
      readonly grpcPort?: number;
      readonly logLevel: string;
      readonly limits?: HttpLimits;
      /** Models that will be loaded next: until then they are "not ready", not "unknown". */
      readonly expected: readonly string[];
      /** Left out: predictions are not logged. */
      readonly predictionLog?: Pick<PredictionLogOptions, 'directory' | 'share'>;
    };
    readonly result: { readonly port: number; readonly grpcPort?: number };
  };
  /** Load, warm and verify a version in a thread of its own. Idempotent: a version with the same files is not loaded twice. */
  stage: {
    readonly input: { readonly model: string; readonly version: string; readonly files: VersionFiles };
    readonly result: { readonly loadMs: number; readonly goldenDifference: number };
  };
  /** Route new requests to a staged version. */
  activate: {
    readonly input: { readonly model: string; readonly version: string; readonly epoch: number };
    readonly result: ModelState;
  };
  /** Release a version that is not active. */
  retire: { readonly input: { readonly model: string; readonly version: string }; readonly result: null };
  predict: { readonly input: PredictInput; readonly result: PredictResult };
  state: { readonly input: null; readonly result: readonly ModelState[] };
  /** Not ready any more: take no new connection, finish the HTTP requests and gRPC calls that are here. Answered when they are done. */
  closeServers: { readonly input: null; readonly result: null };
  /** `closeServers`, then release every version. The process ends with code 0 when its supervisor disconnects. */
  drain: { readonly input: null; readonly result: null };
}

export type CommandName = keyof ServingCommands;

export interface CommandMessage<K extends CommandName = CommandName> {
  readonly id: number;
  readonly command: K;
  readonly input: ServingCommands[K]['input'];
}

export type ReplyMessage =
  | { readonly id: number; readonly ok: true; readonly result: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      /** Of an `AnnealError`. */
      readonly type?: FailureType;
      /** Of a system error, e.g. `EADDRINUSE`. */
      readonly code?: string;
      /** Which server could not listen. */
      readonly listener?: ListenerName;
      readonly message: string;
      readonly details?: unknown;
    };
