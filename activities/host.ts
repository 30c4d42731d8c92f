import { heartbeat } from '@temporalio/activity';
import type { HostActivities } from '../contracts/activities.js';
import { withActivityFailures } from './failures.js';

/** What the activities of a host's own queue act on. Both are safe to repeat. */
export interface VersionHost {
  readonly load: HostActivities['loadVersion'];
  readonly activate: HostActivities['activateVersion'];
}

const heartbeatEveryMs = 2000;

/** The activities of queue `anneal-host-<hostId>`. A load cannot be interrupted half-way; it heartbeats, so that a dead host is noticed. */
export function createHostActivities({ host }: { readonly host: VersionHost }): HostActivities {
  return withActivityFailures<HostActivities>({
    async loadVersion(input) {
      heartbeat();
      const timer = setInterval(() => heartbeat(), heartbeatEveryMs);
      try {
        return await host.load(input);
      } finally {
        clearInterval(timer);
      }
    },
    activateVersion: (input) => host.activate(input),
  });
}
