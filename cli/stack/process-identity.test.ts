import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { endGroups, identifyProcess, isAlive, signalGroup, waitUntilGone, type ProcessIdentity } from './process-identity.js';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function idle(script = 'setInterval(() => undefined, 1000)'): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ['-e', `${script}; console.log('up')`], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  return new Promise((resolve) => child.stdout!.once('data', () => resolve(identifyProcess(child.pid!)!)));
}

describe('a process identity', () => {
  test('stays the same while the process lives and is gone with it', async () => {
    const identity = await idle();
    expect(identifyProcess(identity.pid)).toEqual(identity);
    expect(isAlive(identity)).toBe(true);
    await endGroups([identity], 5000);
    expect(isAlive(identity)).toBe(false);
    expect(identifyProcess(identity.pid)).toBeUndefined();
  });

  test('keeps a signal away from a process that has got the pid of another', async () => {
    const identity = await idle();
    signalGroup({ pid: identity.pid, startTime: 'another boot/1' }, 'SIGKILL');
    expect(await waitUntilGone([identity], 200)).toBe(false);
  });

  test('ends a process that ignores SIGTERM after its grace', async () => {
    const identity = await idle("process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000)");
    await endGroups([identity], 100);
    expect(isAlive(identity)).toBe(false);
  });
});
