import { ActivityFailure, ApplicationFailure, isCancellation, patched, setCurrentDetails } from '@temporalio/workflow';
import { failureTypes } from '../contracts/failures.js';
import type { HostLease, RolloutResult, ServedVersion } from '../contracts/serving.js';
import { failureReason } from './failure-reason.js';
import { host as hostActivities } from './proxies.js';

export interface RolloutInput {
  readonly model: string;
  readonly version: ServedVersion;
  readonly epoch: number;
  readonly hosts: readonly HostLease[];
  readonly minHosts: number;
}

type Outcome<T> =
  | { readonly host: HostLease; readonly state: 'ok'; readonly result: T }
  | { readonly host: HostLease; readonly state: 'absent' }
  | { readonly host: HostLease; readonly state: 'refused'; readonly reason: string };

/**
 * Bring a version to every host, in two phases: all hosts load, warm and verify it while the old one serves;
 * only when none refused do they activate it. Where one host is the whole fleet, it does both in one go.
 *
 * A host that does not answer is left out: it reconciles by itself when it is back.
 * @throws `RolloutFailed` when a host refused the version (nothing was activated) or fewer than `minHosts` took it
 */
export async function rollout(input: RolloutInput): Promise<RolloutResult> {
  const { model, version, epoch } = input;
  const isOnly = patched('only-host-activates-at-once') && input.hosts.length === 1 && input.minHosts <= 1;
  const activate = isOnly ? { activate: true } : {};
  setCurrentDetails(`**${model} version ${version.version}** loads on ${input.hosts.length} host(s)`);
  const loaded = await onEach(input.hosts, (host) =>
    hostActivities(host.hostId).loadVersion.executeWithOptions(
      { summary: `${host.hostId} loads ${isOnly ? 'and serves ' : ''}version ${version.version}` },
      [{ model, version, epoch, ...activate }],
    ),
  );
  const refused = loaded.filter((outcome) => outcome.state === 'refused');
  if (refused.length > 0) {
    const reasons = refused.map(({ host, reason }) => `${host.hostId}: ${reason}`).join(' | ');
    throw rolloutFailed(
      `Version ${version.version} of model "${model}" was not rolled out, since ${refused.length} of ${input.hosts.length} inference hosts could not load and verify it (${reasons}). The version that served before serves on; nothing has changed.`,
    );
  }
  const ready = loaded.filter((outcome) => outcome.state === 'ok');
  requireHosts(ready.length);

  const acknowledged = ready.filter(({ result }) => result.activated).map(({ host }) => host.hostId);
  const waiting = ready.filter(({ result }) => !result.activated).map(({ host }) => host);
  if (waiting.length > 0) {
    setCurrentDetails(`**${model} version ${version.version}** is verified on ${ready.length} host(s), goes live`);
    const activated = await onEach(waiting, (host) =>
      hostActivities(host.hostId).activateVersion.executeWithOptions({ summary: `${host.hostId} serves version ${version.version}` }, [
        { model, version: version.version, epoch },
      ]),
    );
    acknowledged.push(...activated.filter(({ state }) => state === 'ok').map(({ host }) => host.hostId));
    requireHosts(acknowledged.length);
  }
  const unreachable = input.hosts.map(({ hostId }) => hostId).filter((hostId) => !acknowledged.includes(hostId));
  setCurrentDetails(
    `**${model} version ${version.version}** serves on ${acknowledged.join(', ') || 'no host yet'}${unreachable.length > 0 ? `; did not answer: ${unreachable.join(', ')}` : ''}`,
  );
  return { model, version: version.version, epoch, acknowledged, unreachable };

  function requireHosts(present: number): void {
    if (present >= input.minHosts) return;
    throw rolloutFailed(
      `Version ${version.version} of model "${model}" was not rolled out, since ${present} of at least ${input.minHosts} inference hosts answered (known: ${input.hosts.map(({ hostId }) => hostId).join(', ') || 'none'}). Start a host (\`anneal up\`, or a worker of kind inference) and promote the version again with \`anneal promote ${model} ${version.version}\`.`,
    );
  }
}

async function onEach<T>(hosts: readonly HostLease[], work: (host: HostLease) => Promise<T>): Promise<Outcome<T>[]> {
  return Promise.all(
    hosts.map(async (host): Promise<Outcome<T>> => {
      try {
        return { host, state: 'ok', result: await work(host) };
      } catch (error) {
        if (isCancellation(error)) throw error;
        const refusal = error instanceof ActivityFailure && error.cause instanceof ApplicationFailure;
        return refusal ? { host, state: 'refused', reason: failureReason(error) } : { host, state: 'absent' };
      }
    }),
  );
}

function rolloutFailed(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: failureTypes.rolloutFailed, nonRetryable: true, message });
}
