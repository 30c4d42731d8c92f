import type { Network } from '../../models/network.js';

const mostRows = 8192;
/** Numbers that a layer may make of all rows of a call: 64 MiB. */
const imageNumbers = 16 * 1024 * 1024;

/** Rows of one forward call; bounds the memory of its intermediate values. */
export function forwardRows({ widestImage }: Pick<Network, 'widestImage'>): number {
  return widestImage === 0 ? mostRows : Math.min(mostRows, Math.max(1, Math.floor(imageNumbers / widestImage)));
}
