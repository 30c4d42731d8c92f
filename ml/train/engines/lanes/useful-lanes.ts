import { type Network, statisticsOf } from '../../../models/network.js';
import type { NetworkPlan } from '../../engine.js';

type Shape = Pick<Network, 'widestImage' | 'parameterCount' | 'trainedCount' | 'parameters' | 'layout'>;

/** Products with weights in a step of all lanes below which meeting after each step costs more than a second thread helps. */
const leastWork = 10_000_000;
/** Rows of a lane for each lane there is: one thread adds the gradients of all lanes up. */
const leastRowsPerLane = 64;

/**
 * On how many threads a mini-batch is divided, each with a part of its rows. It is a function of the plan alone, since a sum's order
 * depends on it.
 *
 * One kernel after another on several threads gains little: each is over in microseconds, and a thread that sleeps takes as many to
 * wake. Running statistics are those of a whole mini-batch, and look-up tables are added up as a whole however few rows look them up.
 *
 * @returns a divisor of the mini-batch; 1 = the mini-batch stays whole
 */
export function usefulLanes(network: Shape, { batchSize, threads }: Pick<NetworkPlan, 'batchSize' | 'threads'>): number {
  if (statisticsOf(network).length > 0) return 1;
  for (let lanes = Math.min(threads, batchSize); lanes > 1; lanes--)
    if (batchSize % lanes === 0 && isWorthIt(network, batchSize, lanes)) return lanes;
  return 1;
}

function isWorthIt(network: Shape, batchSize: number, lanes: number): boolean {
  const { widestImage, parameterCount } = network;
  // A filter is used at every place of an image.
  if (widestImage > 0) return parameterCount * lanes ** 2 <= widestImage * batchSize;
  const work = multiplied(network) * batchSize;
  return work >= leastWork && work >= leastRowsPerLane * lanes ** 2 * parameterCount;
}

/** Parameters that every row is multiplied with; of a table with a line for each category a row takes one line. */
function multiplied({ parameters, layout }: Shape): number {
  const categories = new Set(layout.categorical.map(({ size }) => size));
  return parameters.filter(({ shape }) => shape.length < 2 || !categories.has(shape[0])).reduce((sum, { size }) => sum + size, 0);
}
