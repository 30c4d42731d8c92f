import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../workers/settings.js';
import { identifyProcess, type ProcessIdentity } from './process-identity.js';
import {
  claimStackState,
  removeStackState,
  stackCondition,
  stackSettings,
  stackStatePath,
  writeStackState,
  type StackState,
} from './stack-state.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'anneal-stack-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const self = identifyProcess(process.pid)!;

function stateOf(supervisor: ProcessIdentity): StackState {
  return {
    formatVersion: 1,
    supervisor,
    detached: false,
    startedAtMs: 1,
    ready: false,
    services: [],
    settings: stackSettings(readSettings({ ANNEAL_HOME: home })),
    httpUrl: 'http://127.0.0.1:8080',
  };
}

describe('stackCondition', () => {
  test('is none where nothing was started', () => {
    expect(stackCondition(home)).toEqual({ kind: 'none' });
  });

  test('is running while the supervisor lives', () => {
    writeStackState(home, stateOf(self));
    expect(stackCondition(home)).toEqual({ kind: 'running', state: stateOf(self) });
  });

  test('is stale when another process has got the pid of the supervisor', () => {
    writeStackState(home, stateOf({ pid: process.pid, startTime: 'another boot/1' }));
    expect(stackCondition(home).kind).toBe('stale');
  });

  test('is unreadable when the file is not one of ours', () => {
    writeFileSync(stackStatePath(home), '{"half":');
    expect(stackCondition(home)).toEqual({ kind: 'unreadable' });
    writeFileSync(stackStatePath(home), '{"formatVersion":2}');
    expect(stackCondition(home)).toEqual({ kind: 'unreadable' });
  });
});

describe('claimStackState', () => {
  test('lets one of two supervisors have the home', () => {
    expect(claimStackState(home, stateOf(self))).toBe(true);
    expect(claimStackState(home, { ...stateOf(self), startedAtMs: 2 })).toBe(false);
    expect(stackCondition(home)).toMatchObject({ kind: 'running', state: { startedAtMs: 1 } });
  });

  test('leaves nothing but the state behind', () => {
    claimStackState(home, stateOf(self));
    writeStackState(home, stateOf(self));
    expect(readdirSync(home)).toEqual(['stack.json']);
    removeStackState(home);
    removeStackState(home);
    expect(readdirSync(home)).toEqual([]);
  });
});
