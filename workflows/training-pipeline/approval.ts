import { condition, setHandler } from '@temporalio/workflow';
import { approveUpdate, rejectUpdate, type ApprovalInput } from '../../contracts/training-pipeline.js';

export interface Decision {
  readonly approved: boolean;
  readonly reason: string;
}

/** Registers `approve` and `reject`; they are accepted while `isOpen()`, the first one decides. */
export function approvalHandlers(isOpen: () => boolean): { decision(): Promise<Decision> } {
  let decided: Decision | undefined;
  const validator = (input: ApprovalInput): void => {
    if (!isOpen() || decided) throw new Error('The run does not await approval; `anneal show <run>` tells its state.');
    if (typeof input?.reason !== 'string' || input.reason.trim() === '') throw new Error('A reason is needed: give one with --reason.');
  };
  setHandler(approveUpdate, ({ reason }) => void (decided = { approved: true, reason }), { validator });
  setHandler(rejectUpdate, ({ reason }) => void (decided = { approved: false, reason }), { validator });
  return {
    async decision() {
      await condition(() => decided !== undefined);
      return decided!;
    },
  };
}
