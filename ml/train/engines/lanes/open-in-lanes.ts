import type { Network } from '../../../models/network.js';
import { initialState } from '../../checkpoint/engine-state.js';
import type { EncodedData, EngineSession, NetworkPlan } from '../../engine.js';
import { checkData } from '../check-data.js';
import { checkSteps } from '../check-steps.js';
import { createSession } from '../create-session.js';
import { ForwardPass } from '../forward-pass.js';
import { buildForwardGraph } from '../training-graph.js';
import { buildLaneGraphs } from './lane-graphs.js';
import { LaneLoop } from './lane-loop.js';
import { buildLaneLoop } from './lane-loop-graph.js';
import { LaneTeam } from './lane-team.js';
import { SharedRows } from './shared-rows.js';
import type { StepWay } from '../ways/step-way.js';
import type { Numbers } from './lane-gradient.js';

/**
 * A session of so many lanes, however small the work, that threads share: for tests, since `usefulLanes` leaves small networks whole and
 * `LaneSession` goes the way that is faster.
 */
export async function openInLanes(
  network: Network,
  plan: NetworkPlan,
  data: EncodedData,
  lanes: number,
  threads = lanes,
): Promise<EngineSession> {
  checkData(plan.task, network, data);
  return sessionOf(await LaneTeam.open(network, plan, buildLaneGraphs(network, plan, lanes), threads - 1), network, plan, data);
}

/** The same lanes one after another in one graph. */
export async function openLaneLoop(network: Network, plan: NetworkPlan, data: EncodedData, lanes: number): Promise<EngineSession> {
  checkData(plan.task, network, data);
  return sessionOf(await LaneLoop.open(network, plan, lanes, buildLaneLoop(network, plan, lanes)), network, plan, data);
}

function sessionOf(way: StepWay<readonly Numbers[]>, network: Network, plan: NetworkPlan, data: EncodedData): EngineSession {
  const rows = new SharedRows();
  const forward = new ForwardPass(network, () => createSession(buildForwardGraph(network), plan.threads));
  way.useRows(rows.take(network.layout, data));
  way.setState(initialState(plan.optimizer, network));
  return {
    runSteps: async (batches, learningRates, firstStep) => {
      checkSteps(batches, learningRates.length, plan.batchSize);
      return way.runSteps(batches, learningRates, firstStep);
    },
    useRows: (next) => way.useRows(rows.take(network.layout, next)),
    logits: (asked) => forward.logits(way.servedParameters(), asked),
    getState: () => Promise.resolve(way.getState()),
    setState: async (state) => way.setState(state),
    dispose: async () => {
      await way.dispose();
      await forward.dispose();
    },
  };
}
