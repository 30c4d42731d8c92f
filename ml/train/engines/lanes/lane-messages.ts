import type { LaneSetup, Numbers } from './lane-gradient.js';

/** K steps. */
export interface LaneSteps {
  /** How many steps the session had done before. */
  readonly first: number;
  /** Indices of the mini-batches' rows, [K · batchSize] */
  readonly rows: Int32Array;
  /** [K · keyCount] */
  readonly keys: Int32Array;
}

/** What a thread is told; done in the order in which it comes. */
export type LaneMessage =
  | { readonly kind: 'open'; readonly setup: LaneSetup }
  | { readonly kind: 'rows'; readonly matrices: readonly Numbers[] }
  | { readonly kind: 'run'; readonly steps: LaneSteps }
  | { readonly kind: 'close' };

/** What it says once, when it is open. */
export type LaneReady = 'ready';
