/** Where a version executes: on the thread that serves HTTP, on executor threads, or in executor processes. */
export type VersionPlacement = 'http-thread' | 'executor-thread' | 'executor-process';

/** One version as one serving process holds it. */
export interface VersionPlace {
  readonly model: string;
  readonly version: string;
  /** It answers requests that name no version. */
  readonly isActive: boolean;
  readonly placement: VersionPlacement;
  /** `restarting`: some of its executors ended, and others are on their way. `down`: all did, so often that requests are refused meanwhile. */
  readonly state: 'up' | 'restarting' | 'down';
  /** Executors that it should have; 0 on the thread of HTTP. */
  readonly executors: number;
  readonly alive: number;
  /** Of the executors that are processes. */
  readonly pids: readonly number[];
}

export interface ProcessPlaces {
  /** Of the serving process. */
  readonly pid: number;
  readonly versions: readonly VersionPlace[];
}

/** What `GET /v1/executors` of an inference host answers. */
export interface HostPlaces {
  /** Those of its serving processes that answered. */
  readonly processes: readonly ProcessPlaces[];
}
