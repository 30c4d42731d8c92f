import type { VersionPlacement } from '../../contracts/serving-places.js';
import type { VersionProfile } from '../loader/prepared-version.js';

/**
 * Where a version executes: on the thread that serves HTTP, on executor threads of its own, or in executor processes of its own.
 *
 * A hop to another thread or process and back costs a lone request more than a small model computes. On the HTTP thread, on the other
 * hand, all that a version takes is time in which no request is read: to open it, and to run a batch. A hop to a process costs no more
 * than one to a thread, and a crash of native code ends that process alone; it costs memory.
 */
export type Placement = VersionPlacement;

/** What was asked for. */
export interface PlacementWishes {
  /** Of the version's pipeline. */
  readonly isolation?: 'thread' | 'process';
  /** Of the host, for all versions whose pipeline says nothing else. */
  readonly placement?: Placement;
}

/** A pause that the requests of other models do not notice beside their own milliseconds. */
export const longestOpenMs = 6;
export const longestCallMs = 1;

/**
 * Pure.
 *
 * @param hasImages images are many bytes to copy and much to compute: never beside HTTP
 */
export function choosePlacement(profile: VersionProfile, hasImages: boolean, { isolation, placement }: PlacementWishes = {}): Placement {
  if (isolation === 'process') return 'executor-process';
  if (placement && !(isolation === 'thread' && placement === 'executor-process')) return placement;
  const isSmall = profile.openMs <= longestOpenMs && profile.manyRowsMs <= longestCallMs;
  if (isSmall && !hasImages) return 'http-thread';
  return isolation === 'thread' ? 'executor-thread' : 'executor-process';
}
