import type { VersionProfile } from './prepared-version.js';

/**
 * Where a version executes: on the thread that serves HTTP, or on executor threads of its own.
 *
 * A hop to another thread and back costs a lone request a quarter of a millisecond, several times what a small model computes. On
 * the HTTP thread, on the other hand, all that a version takes is time in which no request is read: to open it, and to run a batch.
 */
export type Placement = 'http-thread' | 'executor-thread';

/** A pause that the requests of other models do not notice beside their own milliseconds. */
export const longestOpenMs = 6;
export const longestCallMs = 1;

/**
 * Pure.
 *
 * @param hasImages images are many bytes to copy and much to compute: never beside HTTP
 */
export function choosePlacement(profile: VersionProfile, hasImages: boolean): Placement {
  const isSmall = profile.openMs <= longestOpenMs && profile.manyRowsMs <= longestCallMs;
  return isSmall && !hasImages ? 'http-thread' : 'executor-thread';
}
