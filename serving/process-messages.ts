import type { FailureType } from '../contracts/failures.js';
import type { PredictInput, PredictResult } from '../contracts/serving.js';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { AccessEntry } from './access.js';
import type { HttpLimits, TlsIdentity } from './http/http-server.js';
import type { ExecutorOptions } from './executors/executor.js';
import type { ModelState } from './model-registry.js';
import type { OrphanPlace } from './orphan.js';
import type { PredictionLogOptions } from './prediction-log/prediction-log.js';
import type { ProcessPlaces } from '../contracts/serving-places.js';
import type { Placement } from './executors/placement.js';
import type { PreparedVersion } from './loader/prepared-version.js';

export type ListenerName = 'http' | 'grpc';

/** Who may ask a host, and how it proves who it is. */
export interface Protection {
  /** Absent: whoever reaches the host may ask. */
  readonly access?: readonly AccessEntry[];
  readonly tls?: TlsIdentity;
}

export interface ProtectionState extends Protection {
  /** False while its files hold something that cannot be used, and this is what they held before. */
  readonly isCurrent: boolean;
}

/** What the supervisor asks of a serving process, over Node's IPC channel; every command is answered once. */
export interface ServingCommands {
  /** The first command, sent once. */
  start: {
    readonly input: {
      readonly logLevel: string;
      /** Serving processes of the host, this one included; `GET /metrics` of each tells of all. @default 1 */
      readonly processes?: number;
      readonly limits?: HttpLimits;
      readonly executors?: ExecutorOptions;
      /** Models that will be loaded next: until then they are "not ready", not "unknown". */
      readonly expected: readonly string[];
      /** The host is only starting: the process is not ready before `complete`, whatever it holds by then. @default false */
      readonly awaitsOthers?: boolean;
      /** Left out: no spans are made. */
      readonly tracing?: { readonly instanceId: string };
      /** `share`: of the requests to models whose pipelines do not say it. Left out: predictions are not logged. */
      readonly predictionLog?: Pick<PredictionLogOptions, 'directory'> & { readonly share: number };
      /** What it does when its supervisor is gone. Left out: it finishes its requests and ends. */
      readonly orphan?: OrphanPlace;
    };
    readonly result: null;
  };
  /** All processes of the host hold what it served last, or have told why not. */
  complete: { readonly input: null; readonly result: null };
  /** Open the HTTP server, and the gRPC server; once. A process that replaces another does so when it holds the models. */
  listen: {
    readonly input: {
      readonly host: string;
      readonly port: number;
      /** Left out: no gRPC server. */
      readonly grpcPort?: number;
      readonly protection?: ProtectionState;
    };
    readonly result: { readonly port: number; readonly grpcPort?: number };
  };
  /** Tokens and certificates that take the place of those of `listen`. What was absent there is absent here. Idempotent. */
  protect: { readonly input: ProtectionState; readonly result: null };
  /** Open and warm a version that the loader has prepared. Idempotent: a version with the same files is not opened twice. */
  stage: {
    readonly input: { readonly model: string; readonly version: string; readonly prepared: PreparedVersion };
    readonly result: { readonly placement: Placement };
  };
  /** A version of the model could not be prepared. */
  refused: { readonly input: { readonly model: string }; readonly result: null };
  /** Route new requests to a staged version. */
  activate: {
    readonly input: { readonly model: string; readonly version: string; readonly epoch: number };
    readonly result: ModelState;
  };
  /** Release a version that is not active. */
  retire: { readonly input: { readonly model: string; readonly version: string }; readonly result: null };
  predict: {
    /** `trace`: the caller's context, as its propagator writes it. */
    readonly input: PredictInput & { readonly trace?: Readonly<Record<string, string>> };
    readonly result: PredictResult;
  };
  /** What the process counts, for the roll-up of its host. */
  metrics: { readonly input: null; readonly result: readonly MetricObjectWithValues<MetricValue<string>>[] };
  /** Where each version executes in the process. */
  places: { readonly input: null; readonly result: ProcessPlaces };
  /** Answered by a process whose event loop turns. */
  ping: { readonly input: null; readonly result: null };
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

/** What a process tells of all processes of its host. */
export type CollectedCommand = 'metrics' | 'places';

/** A serving process asks its supervisor to ask all processes of the host. */
export interface CollectMessage {
  readonly collect: number;
  readonly command: CollectedCommand;
}

/** What each process that answered in time says. */
export interface CollectedMessage {
  readonly collected: number;
  readonly results: readonly ServingCommands[CollectedCommand]['result'][];
}

/** The first message of a serving process: from now on it hears commands. */
export interface ListeningMessage {
  readonly isListening: true;
}
