import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, identifyProcess } from './process-identity.js';
import type { ServiceState } from './stack-state.js';
import { restartDelayMs, SupervisedProcess, type ServiceSpec } from './supervised-process.js';

let folder: string;
let running: SupervisedProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-supervised-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((part) => part.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const logPath = () => join(folder, 'logs', 'part.log');

function supervise(script: string, options: Partial<ServiceSpec> = {}): SupervisedProcess {
  const part = new SupervisedProcess(
    {
      name: 'part',
      program: process.execPath,
      args: ['-e', script],
      env: process.env,
      cwd: folder,
      logPath: logPath(),
      ready: 'message',
      stopSignalTo: 'process',
      stopGraceMs: 2000,
      ...options,
    },
    () => undefined,
  );
  running.push(part);
  part.start();
  return part;
}

async function until<T>(read: () => T | undefined | false, what: string): Promise<T> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(20)) {
    const value = read();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error(`waited in vain for ${what}`);
}

const whenState = (part: SupervisedProcess, state: ServiceState['state'], restarts = 0): Promise<ServiceState> =>
  until(() => part.status?.state === state && part.status.restarts >= restarts && part.status, `${state} after ${restarts} restarts`);

const obedient = `
  process.once('SIGTERM', () => process.exit(0));
  setInterval(() => undefined, 1000);
  process.send({ type: 'ready' });
  console.log('up');
`;

describe('SupervisedProcess', () => {
  test('is ready when the process says so, and writes what it says to its log', async () => {
    await whenState(supervise(obedient), 'ready');
    await until(() => readFileSync(logPath(), 'utf8').includes('up'), 'the log');
  });

  test('starts a process again within a second or so when it was killed', async () => {
    const part = supervise(obedient);
    const first = await whenState(part, 'ready');
    const killedAt = Date.now();
    process.kill(first.pid, 'SIGKILL');
    const second = await whenState(part, 'ready', 1);
    expect(second.pid).not.toBe(first.pid);
    expect(Date.now() - killedAt).toBeLessThan(10_000);
  });

  test.each([
    ['kills what a killed process had started', undefined],
    ['leaves what may outlive a killed process until it stops', 60_000],
  ])('%s', async (_what, outlivedMs) => {
    const pidFile = join(folder, 'child');
    const script = `
      const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
      require('node:fs').appendFileSync(${JSON.stringify(pidFile)}, child.pid + ' ');
      ${obedient}`;
    const part = supervise(script, { outlivedMs });
    const { pid } = await whenState(part, 'ready');
    const child = identifyProcess(Number(readFileSync(pidFile, 'utf8').trim()))!;
    process.kill(pid, 'SIGKILL');
    await whenState(part, 'ready', 1);
    if (outlivedMs === undefined) await until(() => !isAlive(child), 'the end of the child');
    else expect(isAlive(child)).toBe(true);
    await part.stop();
    expect(isAlive(child)).toBe(false);
  });

  test('counts the deaths of a process that cannot start', async () => {
    const part = supervise('process.exit(7)');
    await until(() => part.failuresInARow >= 2, 'two deaths');
    expect(part.everReady).toBe(false);
    expect(part.lastExit).toBe('exit code 7');
  });

  test('counts a program that does not exist as a death', async () => {
    const part = supervise('', { program: join(folder, 'no-such-program') });
    await until(() => part.failuresInARow >= 1, 'a death');
    expect(part.lastExit).toContain('ENOENT');
  });

  test('tries again when the machine could not start it', async () => {
    const part = supervise(obedient);
    const { pid } = await whenState(part, 'ready');
    const logs = join(folder, 'logs');
    rmSync(logs, { recursive: true });
    writeFileSync(logs, 'in the way of the log');
    process.kill(pid, 'SIGKILL');
    await until(() => part.failuresInARow >= 2, 'a start that fails');
    rmSync(logs);
    await whenState(part, 'ready', 2);
  });

  test('does not start a process again that it was asked to stop', async () => {
    const part = supervise(obedient);
    const { pid, startTime } = await whenState(part, 'ready');
    await part.stop();
    await sleep(400);
    expect(isAlive({ pid, startTime })).toBe(false);
    expect(part.status).toMatchObject({ state: 'stopped', restarts: 0 });
  });

  test('ends what the process started, also when it ignores SIGTERM', async () => {
    const part = supervise(
      `process.on('SIGTERM', () => undefined);
       const { pid } = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
       console.log('child ' + pid);
       process.send({ type: 'ready' });`,
      { stopGraceMs: 100 },
    );
    await whenState(part, 'ready');
    const pid = Number(await until(() => /child (\d+)/.exec(readFileSync(logPath(), 'utf8'))?.[1], 'the child'));
    const child = identifyProcess(pid)!;
    expect(isAlive(child)).toBe(true);
    await part.stop();
    await until(() => !isAlive(child), 'the end of the child');
  });

  test('asks again and again whether a server is ready', async () => {
    let asked = 0;
    const part = supervise('setInterval(() => undefined, 1000)', {
      ready: () => (++asked < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve(true)),
    });
    await whenState(part, 'ready');
    expect(asked).toBe(3);
  });
});

describe('restartDelayMs', () => {
  test('heals the first death at once and never waits longer than half a minute', () => {
    expect([0, 1, 2, 3, 20, 2000].map(restartDelayMs)).toEqual([250, 500, 1000, 2000, 30_000, 30_000]);
  });
});
