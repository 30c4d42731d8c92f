import type { FailureType } from '../../contracts/failures.js';
import type { PreparedVersion } from '../loader/prepared-version.js';
import type { Batch, BatchOutputs } from '../tensors.js';

export interface ExecutorData {
  readonly prepared: PreparedVersion;
  /** Of onnxruntime, for one call. */
  readonly threads: number;
}

/**
 * What a serving process and an executor say to each other. One request is under way at a time, so replies need no number. An
 * executor that has closed its version takes the next one: to start a thread or a process costs more than to open most versions.
 */
export type ToExecutor =
  | { readonly kind: 'open'; readonly data: ExecutorData }
  | { readonly kind: 'run'; readonly batch: Batch }
  | { readonly kind: 'close' };

export type FromExecutor =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly type: FailureType; readonly message: string }
  | { readonly kind: 'outputs'; readonly outputs: BatchOutputs }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'closed' };
