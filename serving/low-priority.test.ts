import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { getPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { atLowPriority, lowerProcess, mayReturn } from './low-priority.js';

describe('atLowPriority', () => {
  it('comes back to the priority that the thread had, whatever becomes of the work', async () => {
    const usual = getPriority();
    const during = await atLowPriority(async () => getPriority());
    // Root may raise a priority again; others usually may not, and stay where they are.
    expect(during).toBe(mayReturn() ? Math.max(usual, 10) : usual);
    expect(getPriority()).toBe(usual);
    await expect(atLowPriority(() => Promise.reject(new Error('no such image')))).rejects.toThrow('no such image');
    expect(getPriority()).toBe(usual);
  });

  it('brings the threads back that were started meanwhile', async () => {
    const threads = (): number[] => (process.platform === 'linux' ? readdirSync('/proc/self/task').map(Number) : []);
    const usual = getPriority();
    const before = threads();
    const thread = await atLowPriority(async () => {
      const started = new Worker('require("node:worker_threads").parentPort.on("message", () => undefined)', { eval: true });
      await once(started, 'online');
      return started;
    });
    try {
      const started = threads().filter((each) => !before.includes(each));
      if (process.platform === 'linux') expect(started.length).toBeGreaterThan(0);
      for (const each of started) expect(getPriority(each)).toBe(usual);
    } finally {
      await thread.terminate();
    }
  });
});

/** Takes rights away from a command. */
const hasSetpriv = spawnSync('setpriv', ['--version']).status === 0;
const withRights = mayReturn() && process.getuid!() === 0 && hasSetpriv ? it : it.skip;

describe('mayReturn', () => {
  withRights('says what Linux lets a process do, and leaves the priority as it is', () => {
    const code = `
      import { getPriority } from 'node:os';
      import { mayReturn } from './serving/low-priority.ts';
      console.log(mayReturn(), getPriority());`;
    const node = [process.execPath, '--import', 'tsx', '--input-type', 'module', '-e', code];
    const usual = getPriority();
    expect(execFileSync('setpriv', ['--bounding-set', '-sys_nice', ...node], { encoding: 'utf8' })).toBe(`false ${usual}\n`);
    expect(execFileSync('setpriv', ['--bounding-set', '-sys_time', ...node], { encoding: 'utf8' })).toBe(`true ${usual}\n`);
  });
});

describe('lowerProcess', () => {
  it('reaches the threads that are there already', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log("up")'], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      lowerProcess(child.pid);
      const threads = process.platform === 'linux' ? readdirSync(`/proc/${child.pid}/task`).map(Number) : [child.pid!];
      expect(new Set(threads.map((thread) => getPriority(thread)))).toEqual(new Set([Math.max(getPriority(), 10)]));
      if (process.platform === 'linux') expect(threads.length).toBeGreaterThan(4);
    } finally {
      child.stdin.end();
      await once(child, 'exit');
    }
  });
});
