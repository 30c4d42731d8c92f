import { describe, expect, it } from '@jest/globals';
import type { ServedVersion } from '../../contracts/serving.js';
import { LifecycleState } from './lifecycle-state.js';

const ref = { uri: 'artifact:sha256/00', sha256: '00', sizeBytes: 1 };
const version = (number: string): ServedVersion => ({ version: number, bundle: { model: ref, manifest: ref, golden: ref } });
const caller = (hostId: string, knownEpoch = 0) => ({
  hostId,
  taskQueue: `anneal-host-${hostId}`,
  url: 'http://127.0.0.1:1',
  knownEpoch,
  timeoutSeconds: 20,
});

function promoted(...versions: string[]): LifecycleState {
  const state = new LifecycleState('m');
  for (const number of versions) state.commit(state.beginRollout(version(number)), version(number), 'promote', 'test', 0, []);
  return state;
}

describe('LifecycleState', () => {
  it('keeps the champion before as previous', () => {
    const { epoch, champion, previous } = promoted('1', '2').state();
    expect([epoch, champion?.version, previous?.version]).toEqual([2, '2', '1']);
  });

  it('tells of a champion whose run started later, and of no other', () => {
    const started = (number: string, runStartedAtMs?: number): ServedVersion => ({ ...version(number), runStartedAtMs });
    const state = new LifecycleState('m');
    expect(state.newerThan(started('1', 5))).toBeUndefined();
    state.commit(state.beginRollout(started('2', 10)), started('2', 10), 'promote', 'test', 0, []);
    expect(state.newerThan(started('1', 5))?.version).toBe('2');
    expect(state.newerThan(started('3', 11))).toBeUndefined();
    expect(state.newerThan(started('2', 5))).toBeUndefined();
    expect(state.newerThan(started('1'))).toBeUndefined();
  });

  it('keeps previous when the champion is promoted again', () => {
    expect(promoted('1', '2', '2').state().previous?.version).toBe('1');
  });

  it('declares the champion anew, above the failed epoch, when a rollout is given up', () => {
    const state = promoted('1');
    const failed = state.beginRollout(version('2'));
    state.abandon();
    expect(state.target()).toEqual({ epoch: failed + 1, champion: version('1') });
    expect(state.state().candidate).toBeUndefined();
  });

  it('never gives the same epoch twice, also after it continued as new', () => {
    const state = new LifecycleState('m');
    const first = state.beginRollout(version('1'));
    state.abandon();
    const carried = new LifecycleState('m', state.carried());
    expect(carried.beginRollout(version('1'))).toBeGreaterThan(first);
  });

  it('counts a host as live while its lease lasts, and forgets it when others call later', () => {
    const state = new LifecycleState('m');
    state.seen(caller('a'), 0);
    expect(state.liveHosts(89_000).map(({ hostId }) => hostId)).toEqual(['a']);
    expect(state.liveHosts(91_000)).toEqual([]);
    state.seen(caller('b'), 200_000);
    expect(state.state().hosts.map(({ hostId }) => hostId)).toEqual(['b']);
  });

  it('forgets a host that says that it goes, and takes it back when it calls again', () => {
    const state = new LifecycleState('m');
    for (const host of ['a', 'b']) state.seen(caller(host), 0);
    state.left('a');
    state.left('unknown');
    expect(state.liveHosts(1).map(({ hostId }) => hostId)).toEqual(['b']);
    state.seen(caller('a'), 2);
    expect(state.liveHosts(3)).toHaveLength(2);
  });

  it('lists a host once, however often it calls', () => {
    const state = new LifecycleState('m');
    state.seen(caller('a', 1), 0);
    state.seen(caller('a', 2), 5);
    expect(state.state().hosts).toHaveLength(1);
    expect(state.state().hosts[0]).toMatchObject({ epoch: 2, seenAtMs: 5 });
  });
});
