import type { HostLease, ServedVersion, ServingState, ServingTarget, WaitForVersionInput } from '../../contracts/serving.js';

/** A host that has not called for this long is taken for gone; it reconciles by itself when it is back. */
const leaseMs = 90_000;
const historyLimit = 20;

/** Everything that goes along when the workflow continues as new. */
export interface CarriedState {
  readonly serving: ServingState;
  /** The highest epoch ever given to a rollout, also to one that failed. */
  readonly lastEpoch: number;
}

/**
 * What serves, and who serves it. Plain state: the caller brings the clock.
 *
 * `epoch` is that of the last committed change. A rollout takes the next number of `lastEpoch` when it begins, so an
 * attempt that failed is never confused with a later one; hosts ignore anything older than what they know.
 */
export class LifecycleState {
  private serving: ServingState;
  private lastEpoch: number;

  constructor(model: string, carried?: CarriedState) {
    this.serving = carried?.serving ?? { model, epoch: 0, hosts: [], history: [] };
    this.lastEpoch = carried?.lastEpoch ?? 0;
  }

  state(): ServingState {
    return this.serving;
  }

  target(): ServingTarget {
    return { epoch: this.serving.epoch, champion: this.serving.champion };
  }

  carried(): CarriedState {
    return { serving: { ...this.serving, candidate: undefined }, lastEpoch: this.lastEpoch };
  }

  /** Register a host, or renew its lease. */
  seen(host: WaitForVersionInput, nowMs: number): void {
    const lease: HostLease = {
      hostId: host.hostId,
      taskQueue: host.taskQueue,
      url: host.url,
      version: host.version,
      epoch: host.knownEpoch,
      seenAtMs: nowMs,
    };
    const others = this.serving.hosts.filter((known) => known.hostId !== host.hostId && nowMs - known.seenAtMs < leaseMs);
    this.serving = { ...this.serving, hosts: [...others, lease].sort((a, b) => (a.hostId < b.hostId ? -1 : 1)) };
  }

  /** A host says that it goes: no rollout waits for it. */
  left(hostId: string): void {
    this.serving = { ...this.serving, hosts: this.serving.hosts.filter((known) => known.hostId !== hostId) };
  }

  liveHosts(nowMs: number): HostLease[] {
    return this.serving.hosts.filter((host) => nowMs - host.seenAtMs < leaseMs);
  }

  /** @returns what serves, where it is another version of a run that started after that of `version` */
  newerThan(version: ServedVersion): ServedVersion | undefined {
    const { champion } = this.serving;
    if (champion?.runStartedAtMs === undefined || version.runStartedAtMs === undefined) return undefined;
    return champion.version !== version.version && champion.runStartedAtMs > version.runStartedAtMs ? champion : undefined;
  }

  /** @returns the epoch of this rollout */
  beginRollout(candidate: ServedVersion): number {
    this.serving = { ...this.serving, candidate };
    return ++this.lastEpoch;
  }

  commit(
    epoch: number,
    version: ServedVersion,
    action: 'promote' | 'rollback',
    reason: string,
    nowMs: number,
    acknowledged: readonly string[],
  ): void {
    const { champion, previous } = this.serving;
    this.serving = {
      ...this.serving,
      epoch,
      champion: version,
      previous: champion && champion.version !== version.version ? champion : previous,
      candidate: undefined,
      hosts: this.serving.hosts.map((host) => (acknowledged.includes(host.hostId) ? { ...host, version: version.version, epoch } : host)),
      history: [...this.serving.history, { epoch, version: version.version, action, reason, atMs: nowMs }].slice(-historyLimit),
    };
  }

  /**
   * Give a rollout up. Hosts that had activated it already must come back, so the champion is declared again
   * under an epoch above the failed one.
   */
  abandon(): void {
    this.serving = { ...this.serving, candidate: undefined, epoch: this.serving.champion ? ++this.lastEpoch : this.serving.epoch };
  }
}
