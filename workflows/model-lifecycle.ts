import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  executeChild,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { failureTypes } from '../contracts/failures.js';
import { rolloutWorkflowId } from '../contracts/ids.js';
import {
  promoteUpdate,
  rollbackUpdate,
  servingMemoKey,
  servingStateQuery,
  waitForVersionUpdate,
  type RolloutResult,
  type ServedVersion,
} from '../contracts/serving.js';
import type { ModelLifecycleInput } from '../contracts/training-pipeline.js';
import { failureReason } from './failure-reason.js';
import { LifecycleState, type CarriedState } from './model-lifecycle/lifecycle-state.js';
import { tracking } from './proxies.js';
import type { rollout } from './rollout.js';

/**
 * The entity that owns what serves under a model's name: champion, previous, the fleet of hosts, and the epoch that fences them.
 *
 * Changes are made one at a time. Its memo repeats champion and epoch for hosts that cannot reach a workflow worker.
 */
export async function modelLifecycle({ model, carried }: ModelLifecycleInput): Promise<void> {
  const lifecycle = new LifecycleState(model, carried as CarriedState | undefined);
  let changing = false;
  let draining = false;

  const publish = (): void => {
    upsertMemo({ [servingMemoKey]: { ...lifecycle.target() } });
    setCurrentDetails(describe(lifecycle));
  };

  setHandler(servingStateQuery, () => lifecycle.state());

  setHandler(waitForVersionUpdate, async (host) => {
    lifecycle.seen(host, Date.now());
    // While a change is still being made, hosts would come back at once, again and again.
    await condition(() => (draining && !changing) || lifecycle.target().epoch > host.knownEpoch, Math.max(1, host.timeoutSeconds) * 1000);
    return lifecycle.target();
  });

  setHandler(promoteUpdate, async ({ version, reason, minHosts, hostWaitSeconds }) =>
    oneAtATime(async () => {
      const served = typeof version === 'string' ? await tracking.resolveModelVersion({ model, version }) : version;
      return change('promote', served, reason, minHosts, hostWaitSeconds);
    }),
  );

  setHandler(
    rollbackUpdate,
    async ({ reason, hostWaitSeconds }) =>
      oneAtATime(() => {
        const previous = lifecycle.state().previous;
        if (!previous) throw nothingToRollBackTo(model);
        return change('rollback', previous, reason, 0, hostWaitSeconds);
      }),
    {
      validator: (_request) => {
        if (!lifecycle.state().previous) throw nothingToRollBackTo(model);
      },
    },
  );

  publish();
  await condition(() => workflowInfo().continueAsNewSuggested && !changing);
  draining = true;
  await condition(allHandlersFinished);
  await continueAsNew<typeof modelLifecycle>({ model, carried: lifecycle.carried() });

  async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    while (changing) await condition(() => !changing); // several may wake at once
    changing = true;
    try {
      return await work();
    } finally {
      changing = false;
    }
  }

  async function change(
    action: 'promote' | 'rollback',
    version: ServedVersion,
    reason: string,
    minHosts: number,
    hostWaitSeconds: number,
  ): Promise<RolloutResult> {
    await condition(() => lifecycle.liveHosts(Date.now()).length >= minHosts, hostWaitSeconds * 1000);
    const epoch = lifecycle.beginRollout(version);
    publish();
    let result: RolloutResult;
    try {
      result = await executeChild<typeof rollout>('rollout', {
        workflowId: rolloutWorkflowId(model, epoch),
        args: [{ model, version, epoch, hosts: lifecycle.liveHosts(Date.now()), minHosts }],
        staticSummary: `${action} version ${version.version}`,
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      });
    } catch (error) {
      lifecycle.abandon();
      publish();
      throw ApplicationFailure.create({ type: failureTypes.rolloutFailed, nonRetryable: true, message: failureReason(error) });
    }
    lifecycle.commit(epoch, version, action, reason, Date.now(), result.acknowledged);
    publish();
    await tracking.setModelAlias.executeWithOptions({ summary: `champion = version ${version.version}` }, [
      { model, alias: 'champion', version: version.version },
    ]);
    return result;
  }
}

function nothingToRollBackTo(model: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.rolloutFailed,
    nonRetryable: true,
    message: `Model "${model}" has no previous champion to roll back to. \`anneal models\` lists the registered versions, \`anneal promote ${model} <version>\` promotes one of them.`,
  });
}

function describe(lifecycle: LifecycleState): string {
  const { model, epoch, champion, previous, candidate, hosts } = lifecycle.state();
  return [
    `**${model}** epoch ${epoch}: champion ${champion?.version ?? 'none'}, previous ${previous?.version ?? 'none'}${candidate ? `, rolling out ${candidate.version}` : ''}`,
    '',
    '| host | url | version |',
    '|---|---|---|',
    ...hosts.map((host) => `| ${host.hostId} | ${host.url} | ${host.version ?? ''} |`),
  ].join('\n');
}
