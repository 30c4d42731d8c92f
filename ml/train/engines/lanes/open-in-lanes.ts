import type { Network } from '../../../models/network.js';
import type { EncodedData, NetworkPlan } from '../../engine.js';
import { checkData } from '../check-data.js';
import { createSession } from '../create-session.js';
import { ForwardPass } from '../forward-pass.js';
import { buildForwardGraph } from '../training-graph.js';
import { buildLaneGraphs } from './lane-graphs.js';
import { LaneSession } from './lane-session.js';

/** A session of so many lanes, however small the work: for tests, since `usefulLanes` leaves small networks whole. */
export async function openInLanes(network: Network, plan: NetworkPlan, data: EncodedData, lanes: number): Promise<LaneSession> {
  checkData(plan.task, network, data);
  const forward = new ForwardPass(network, () => createSession(buildForwardGraph(network), plan.threads));
  return LaneSession.open(LaneSession.startThreads(lanes), network, plan, data, buildLaneGraphs(network, plan, lanes), forward);
}
