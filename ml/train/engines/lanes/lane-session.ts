import type { Network } from '../../../models/network.js';
import type { EncodedData, NetworkPlan } from '../../engine.js';
import type { ForwardPass } from '../forward-pass.js';
import type { ChoiceOfTwo } from '../ways/faster-of-two.js';
import { TwoWaySession } from '../ways/two-way-session.js';
import type { Numbers } from './lane-gradient.js';
import { buildLaneGraphs, type LaneGraphs } from './lane-graphs.js';
import { LaneLoop } from './lane-loop.js';
import { buildLaneLoop } from './lane-loop-graph.js';
import { LaneTeam } from './lane-team.js';
import { SharedRows } from './shared-rows.js';

/** The graphs of a session in lanes. */
export interface LaneParts {
  readonly lanes: number;
  /** Of `buildLaneLoop`. */
  readonly loop: Uint8Array;
  /** For the other threads; made when these are started. */
  readonly graphs: () => LaneGraphs;
}

/**
 * @param lanes at least 2, divides the mini-batch; the network gathers no statistics
 * @param channelBlock as in `LowerOptions`
 * @throws AnnealError `InvalidModel` when the step uses a kernel without a translation
 */
export function compileLanes(network: Network, plan: NetworkPlan, lanes: number, channelBlock?: number): LaneParts {
  const loop = buildLaneLoop(network, plan, lanes, channelBlock);
  return { lanes, loop, graphs: () => buildLaneGraphs(network, plan, lanes, channelBlock) };
}

/**
 * Training steps whose mini-batch is divided into lanes. One thread does them all, or several share them.
 *
 * @param data checked already
 * @param parts with the number of threads that may share a step
 * @param forward is closed with the session
 * @param choose between the one thread and several, once these are there
 * @throws AnnealError `InvalidModel` when onnxruntime refuses a graph
 */
export async function openLaneSession(
  network: Network,
  plan: NetworkPlan,
  data: EncodedData,
  parts: LaneParts & { readonly threads: number },
  forward: ForwardPass,
  choose?: () => ChoiceOfTwo,
): Promise<TwoWaySession<readonly Numbers[]>> {
  const threads = Math.min(parts.threads, parts.lanes);
  const rows = new SharedRows();
  const openTeam = () => LaneTeam.open(network, plan, parts.graphs(), threads - 1);
  const ways = {
    rowsOf: (next: EncodedData) => rows.take(network.layout, next),
    first: await LaneLoop.open(network, plan, parts.lanes, parts.loop),
    threads: 1,
    ...(threads > 1 ? { shared: { threads, open: openTeam, mustBeCompared: false } } : {}),
  };
  return new TwoWaySession(network, plan, data, ways, forward, choose);
}
