import type { FailureType } from '../../contracts/failures.js';
import type { Placement } from '../executors/placement.js';
import type { PreparedVersion } from './prepared-version.js';
import type { VersionFiles } from './prepare-version.js';

/** What a supervisor asks of its loader process; answered once. */
export interface PrepareMessage {
  readonly id: number;
  readonly files: VersionFiles;
  readonly directory: string;
  /** As of `PrepareOptions`. */
  readonly placement?: Placement;
}

/** Images that are not needed any more, to be deleted at the loader's priority; not answered. */
export interface RemoveMessage {
  readonly remove: readonly string[];
}

/** Of the limit of a call; so long a loader process calls on without telling of it again. */
export const silence = 0.25;

/** A call of the model begins, which may take so long. The next word comes within that and `silence`. */
export interface CallMessage {
  readonly id: number;
  readonly callLimitMs: number;
}

export type PreparedMessage =
  | { readonly id: number; readonly ok: true; readonly prepared: PreparedVersion }
  | { readonly id: number; readonly ok: false; readonly type?: FailureType; readonly message: string };
