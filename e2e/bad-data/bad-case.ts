import type { DataFixture } from '../../activities/data-fixture.js';
import type { FailureType } from '../../contracts/failures.js';
import type { PipelineSpec, SourceSpec } from '../../contracts/pipeline.js';

/** What is done with an input: only read, or held against a pipeline and prepared for training. */
export type Job = { readonly source: SourceSpec } | { readonly spec: PipelineSpec };

export type Outcome =
  /** A failure of this type, which is never retried, with a message of one paragraph. */
  | { readonly fails: FailureType; readonly says: RegExp }
  /** A validation that stops the run by this rule; the refusal says so. */
  | { readonly stops: string; readonly says: RegExp }
  /** A finding of this rule in a run that goes on. */
  | { readonly warns: string; readonly says: RegExp }
  /** Nothing stops the run: it comes as far as data to train on. */
  | { readonly trains: true }
  /** The input is read for what it is: so many rows, of which the first is like this. */
  | { readonly reads: number; readonly first?: Readonly<Record<string, unknown>> };

/** One broken input. */
export interface BadCase {
  readonly name: string;
  /** Write the input into the fixture's directory. */
  readonly given: (fixture: DataFixture) => Job | Promise<Job>;
  readonly comes: Outcome;
  /** What the run warns of beside that, about how the source was read. */
  readonly notes?: RegExp;
}

export const fails = (type: FailureType, says: RegExp): Outcome => ({ fails: type, says });
export const stops = (rule: string, says: RegExp): Outcome => ({ stops: rule, says });
export const warns = (rule: string, says: RegExp): Outcome => ({ warns: rule, says });
export const reads = (rows: number, first?: Readonly<Record<string, unknown>>): Outcome => ({ reads: rows, ...(first ? { first } : {}) });
export const trains: Outcome = { trains: true };
