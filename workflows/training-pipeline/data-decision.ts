import { condition, setHandler } from '@temporalio/workflow';
import {
  type ApprovalInput,
  type AwaitedOverride,
  overrideValidationUpdate,
  recheckSourceUpdate,
} from '../../contracts/training-pipeline.js';

export interface DataDecision {
  /** Wait for what happens first: a decision or the end of the pause. */
  within(pauseMs: number): Promise<'override' | 'recheck' | 'pause'>;
  /** Why the data may pass; set once somebody has said so. */
  readonly override: string | undefined;
}

/**
 * Registers `overrideValidation` and `recheckSource`; they are accepted while `awaited()` tells of something to decide.
 *
 * An override is taken once. One that was accepted while the run looked at the source counts.
 */
export function dataDecisionHandlers(awaited: () => AwaitedOverride | undefined): DataDecision {
  let override: string | undefined;
  let recheck = false;
  const requireWaiting = (): AwaitedOverride => {
    const found = awaited();
    if (!found || override !== undefined)
      throw new Error('The run does not wait for a decision about its data; `anneal show` tells its state.');
    return found;
  };
  setHandler(overrideValidationUpdate, ({ reason }) => void (override = reason.trim()), {
    validator: (input: ApprovalInput) => {
      const { canOverride, obstacle } = requireWaiting();
      if (typeof input?.reason !== 'string' || input.reason.trim() === '')
        throw new Error('A reason is needed: give one with --reason. It is kept with the run and with the model version.');
      if (!canOverride)
        throw new Error(
          `These data cannot be overridden: ${obstacle ?? 'no row, or no label to learn from, is left of them'}. Correct the source; the run notices it by itself, \`anneal recheck <run>\` looks at once.`,
        );
    },
  });
  setHandler(recheckSourceUpdate, () => void (recheck = true), { validator: () => void requireWaiting() });
  return {
    async within(pauseMs) {
      await condition(() => override !== undefined || recheck, pauseMs);
      if (override !== undefined) return 'override';
      if (!recheck) return 'pause';
      recheck = false;
      return 'recheck';
    },
    get override() {
      return override;
    },
  };
}
