import type { HostPlaces, ProcessPlaces, VersionPlace } from '../../contracts/serving-places.js';
import { type HostAccess, HostClient } from '../predict/host-client.js';

const timeoutMs = 2000;
const words = { 'http-thread': 'HTTP thread', 'executor-thread': 'executor threads', 'executor-process': 'executor processes' } as const;

/** Ask a host where its versions execute. @returns undefined when it cannot be asked: it is away, wants a token, or is of an older version */
export async function hostPlaces(httpUrl: string, access: HostAccess): Promise<readonly ProcessPlaces[] | undefined> {
  try {
    const { processes } = await new HostClient(access, timeoutMs).ask<Partial<HostPlaces>>(`${httpUrl}/v1/executors`);
    return Array.isArray(processes) ? processes : undefined;
  } catch {
    return undefined;
  }
}

export const placesHead = ['MODEL', 'VERSION', 'EXECUTES ON', 'STATE', 'PIDS'] as const;

/** A row of text for each version of a host, the active ones first; pure. @returns cells under `placesHead` */
export function placesRows(processes: readonly ProcessPlaces[]): string[][] {
  const held = processes.flatMap(({ pid, versions }) => versions.map((place) => ({ pid, place })));
  const byVersion = new Map<string, typeof held>();
  for (const each of held) {
    const key = JSON.stringify([each.place.model, each.place.version]);
    byVersion.set(key, [...(byVersion.get(key) ?? []), each]);
  }
  return [...byVersion.values()]
    .sort(([{ place: a }], [{ place: b }]) => a.model.localeCompare(b.model) || Number(b.isActive) - Number(a.isActive))
    .map((each) => {
      const [{ place }] = each;
      const places = each.map((one) => one.place);
      const placements = [...new Set(places.map(({ placement }) => words[placement]))];
      const ofExecutors = places.flatMap(({ pids }) => pids);
      // What executes on threads is in the serving processes.
      const pids = ofExecutors.length > 0 ? ofExecutors : each.map(({ pid }) => pid);
      return [place.model, `${place.version}${place.isActive ? '' : ' (held)'}`, placements.join(', '), stateOf(places), pids.join(' ')];
    });
}

function stateOf(places: readonly VersionPlace[]): string {
  const wanted = places.reduce((sum, { executors }) => sum + executors, 0);
  const alive = places.reduce((sum, each) => sum + each.alive, 0);
  if (places.every(({ state }) => state === 'up')) return wanted === 0 ? 'up' : `${alive} up`;
  const isDown = places.some(({ state }) => state === 'down');
  return `${alive} of ${wanted} up, ${isDown ? 'requests are refused until one is back' : 'restarting'}`;
}
