export const stages = ['ingest', 'validate', 'prepare'] as const;
export type Stage = (typeof stages)[number];
export const subjects = ['anneal', 'duckdb'] as const;
export type Subject = (typeof subjects)[number];

/** What a process tells of its run. */
export interface Measurement {
  readonly seconds: Readonly<Record<Stage, number>>;
  /** Largest resident set of the process, the runtime included. */
  readonly peakMemoryBytes: number;
}
