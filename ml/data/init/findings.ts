import type { PipelineInput } from '../../../contracts/pipeline.js';

/** What the rehearsals of a drafted pipeline have taught, for the next draft. */
export interface Findings {
  /** Columns that give the label away, with what they achieve. */
  readonly leaks: ReadonlyMap<string, string>;
  /** Features that give the label away and stay, since there is no other. */
  readonly allowed: readonly string[];
  /** Splits that cannot be used, with the reason. */
  readonly unfit: ReadonlyMap<'time' | 'group', string>;
  /** Copies of rows are to share a part. */
  readonly hasCopies: boolean;
  /** Rows that are alike in their features have several classes, so that they cannot be divided by class. */
  readonly hasMixedCopies: boolean;
  /** There are so few different rows that each is to be a row of its own, by its number. */
  readonly isNumbered: boolean;
  /** Limits that the data as they are keep, with the reason by the limit's name. */
  readonly expectations: NonNullable<PipelineInput['expectations']>;
  readonly reasons: ReadonlyMap<string, string>;
}

export const noFindings: Findings = {
  leaks: new Map(),
  allowed: [],
  unfit: new Map(),
  hasCopies: false,
  hasMixedCopies: false,
  isNumbered: false,
  expectations: {},
  reasons: new Map(),
};
