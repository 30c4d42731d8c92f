import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { failureTypes } from '../contracts/failures.js';
import { rolloutWorkflowId } from '../contracts/ids.js';
import {
  leaveSignal,
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
import { ChampionAlias } from './model-lifecycle/champion-alias.js';
import { LifecycleState, type CarriedState } from './model-lifecycle/lifecycle-state.js';
import { registry } from './proxies.js';
import type { rollout } from './rollout.js';

interface Carried {
  readonly lifecycle: CarriedState;
  /** Version that the registry's alias points to. */
  readonly alias?: string;
}

/**
 * The entity that owns what serves under a model's name: champion, previous, the fleet of hosts, and the epoch that fences them.
 *
 * Changes are made one at a time. Its memo repeats champion and epoch for hosts that cannot reach a workflow worker.
 */
export async function modelLifecycle({ model, carried }: ModelLifecycleInput): Promise<void> {
  const before = carried as Carried | undefined;
  const lifecycle = new LifecycleState(model, before?.lifecycle);
  const alias = new ChampionAlias(model, before?.alias, () => lifecycle.target().champion?.version);
  let changing = false;
  let draining = false;

  const publish = (): void => {
    upsertMemo({ [servingMemoKey]: { ...lifecycle.target() } });
    setCurrentDetails(describe(lifecycle));
  };

  setHandler(servingStateQuery, () => lifecycle.state());

  setHandler(leaveSignal, ({ hostId }) => lifecycle.left(hostId));

  setHandler(waitForVersionUpdate, async (host) => {
    lifecycle.seen(host, Date.now());
    // While a change is still being made, hosts would come back at once, again and again.
    await condition(() => (draining && !changing) || lifecycle.target().epoch > host.knownEpoch, Math.max(1, host.timeoutSeconds) * 1000);
    return lifecycle.target();
  });

  setHandler(promoteUpdate, async ({ version, reason, minHosts, hostWaitSeconds, unlessSuperseded, ifChampion }) => {
    // Before its turn: a registry that is away holds up this promotion, and no rollback.
    const served = typeof version === 'string' ? await registered(version) : version;
    const result = await oneAtATime(() => {
      const newer = unlessSuperseded ? lifecycle.newerThan(served) : undefined;
      if (newer) throw superseded(model, served, newer);
      const serving = lifecycle.target().champion?.version ?? null;
      // A promotion that is asked for once more may have been made.
      if (ifChampion !== undefined && serving !== ifChampion && serving !== served.version)
        throw championChanged(served, ifChampion, serving);
      return change('promote', served, reason, minHosts, hostWaitSeconds);
    });
    await alias.follow();
    return result;
  });

  setHandler(
    rollbackUpdate,
    async ({ reason, hostWaitSeconds }) => {
      const result = await oneAtATime(() => {
        const previous = lifecycle.state().previous;
        if (!previous) throw nothingToRollBackTo(model);
        return change('rollback', previous, reason, 0, hostWaitSeconds);
      });
      await alias.follow();
      return result;
    },
    {
      validator: (_request) => {
        if (!lifecycle.state().previous) throw nothingToRollBackTo(model);
      },
    },
  );

  publish();
  if (before) void alias.follow();
  await condition(() => workflowInfo().continueAsNewSuggested && !changing);
  draining = true;
  await condition(allHandlersFinished);
  const carry: Carried = { lifecycle: lifecycle.carried(), alias: alias.version };
  await continueAsNew<typeof modelLifecycle>({ model, carried: carry });

  async function registered(version: string): Promise<ServedVersion> {
    try {
      return await registry.resolveModelVersion({ model, version });
    } catch (error) {
      if (isCancellation(error)) throw error;
      throw ApplicationFailure.create({ type: failureTypes.unknownModelVersion, nonRetryable: true, message: failureReason(error) });
    }
  }

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

function superseded(model: string, version: ServedVersion, newer: ServedVersion): ApplicationFailure {
  return ApplicationFailure.create({
    type: failureTypes.superseded,
    nonRetryable: true,
    message: `Version ${version.version} was not promoted, since version ${newer.version} serves, which comes from ${newer.pipelineRun ? `the run ${newer.pipelineRun}, ` : 'a run '}that started later. It stays in the registry; \`anneal promote ${model} ${version.version}\` promotes it all the same.`,
  });
}

function championChanged({ version }: ServedVersion, compared: string | null, serving: string | null): ApplicationFailure {
  const named = (champion: string | null) => (champion === null ? 'no version' : `version ${champion}`);
  return ApplicationFailure.create({
    type: failureTypes.championChanged,
    nonRetryable: true,
    message: `Version ${version} was not promoted: it was compared with ${named(compared)} as champion, and ${named(serving)} serves now. Compare it with that, and promote it again.`,
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
