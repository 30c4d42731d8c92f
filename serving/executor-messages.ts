import type { FailureType } from '../contracts/failures.js';
import type { ModelManifest } from '../contracts/model.js';
import type { Batch, BatchOutputs } from './tensors.js';

/** What the HTTP thread and the thread of a version say to each other. One batch is under way at a time, so replies need no number. */
export type ToExecutorThread = { readonly kind: 'run'; readonly batch: Batch } | { readonly kind: 'close' };

export type FromExecutorThread =
  | { readonly kind: 'ready'; readonly manifest: ModelManifest; readonly goldenDifference: number; readonly loadMs: number }
  | { readonly kind: 'failed'; readonly type: FailureType; readonly message: string }
  | { readonly kind: 'outputs'; readonly outputs: BatchOutputs }
  | { readonly kind: 'error'; readonly message: string };
