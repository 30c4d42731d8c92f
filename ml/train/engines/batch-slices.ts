import { type Network, statisticsOf } from '../../models/network.js';

/** Numbers of a slice's widest image: 1 MiB. What a layer makes then stays in a core's cache until the next one reads it. */
const cachedNumbers = 256 * 1024;

/**
 * How many equal slices of a mini-batch of images go through a network one after another, their gradients summed up. It is a function
 * of the plan alone, since the order of a sum changes its last bits.
 *
 * Summing a gradient up must not cost more than two layers' passes over the slice. Running statistics are those of a whole mini-batch.
 *
 * @returns 1 = the whole mini-batch at once
 */
export function batchSlices(
  network: Pick<Network, 'widestImage' | 'parameterCount' | 'trainedCount' | 'parameters'>,
  batchSize: number,
): number {
  const { widestImage, parameterCount } = network;
  if (widestImage === 0 || statisticsOf(network).length > 0) return 1;
  const most = Math.floor(cachedNumbers / widestImage);
  const least = Math.ceil(parameterCount / (2 * widestImage));
  for (let rows = Math.min(most, batchSize); rows >= Math.max(least, 1); rows--) if (batchSize % rows === 0) return batchSize / rows;
  return 1;
}
