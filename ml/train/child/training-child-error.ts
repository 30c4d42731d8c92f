import type { ChildDeath } from '../../child/typescript-child.js';

/** A failure of a training process that a new one may not have. */
export class TrainingChildError extends Error {
  constructor(
    /** What happened, a sentence or two for people, without what is done about it. */
    readonly happened: string,
    /** Set when the process ended before its job was done. */
    readonly death?: Omit<ChildDeath, 'text'>,
    options?: ErrorOptions,
    /** What helps, a sentence or two for people; absent where only the logs can tell. */
    readonly advice?: string,
  ) {
    super(`${happened}${advice === undefined ? '' : ` ${advice}`} It is tried again from the last checkpoint.`, options);
    this.name = 'TrainingChildError';
  }
}
