import { AnnealError, failureTypes } from '../../contracts/failures.js';

/** @param found what is wrong @param advice what to do */
export function cannotExport(found: string, advice: string): AnnealError {
  return new AnnealError(failureTypes.invalidModel, `The model cannot be exported: ${found}. ${advice}`);
}
