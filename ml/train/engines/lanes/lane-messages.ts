import type { EngineState } from '../../engine-state.js';
import type { LaneSetup, LaneSteps, Numbers } from './lane.js';

/** What the thread of a lane is told; done in the order in which it comes. */
export type LaneMessage =
  | { readonly kind: 'open'; readonly setup: LaneSetup }
  | { readonly kind: 'rows'; readonly matrices: readonly Numbers[] }
  | { readonly kind: 'state'; readonly state: EngineState }
  | { readonly kind: 'run'; readonly steps: LaneSteps }
  | { readonly kind: 'close' };

/** What it says once, when it is open. */
export type LaneReady = 'ready';
