import type { FailureType } from '../contracts/failures.js';
import type { PreparedVersion } from './prepared-version.js';
import type { Batch, BatchOutputs } from './tensors.js';

export interface ExecutorThreadData {
  readonly prepared: PreparedVersion;
  /** Of onnxruntime, for one call. */
  readonly threads: number;
}

/**
 * What the HTTP thread and an executor thread say to each other. One request is under way at a time, so replies need no number. A
 * thread that has closed its version takes the next one: to start a thread costs more than to open most versions.
 */
export type ToExecutorThread =
  | { readonly kind: 'open'; readonly data: ExecutorThreadData }
  | { readonly kind: 'run'; readonly batch: Batch }
  | { readonly kind: 'close' };

export type FromExecutorThread =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly type: FailureType; readonly message: string }
  | { readonly kind: 'outputs'; readonly outputs: BatchOutputs }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'closed' };
