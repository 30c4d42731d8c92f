import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { NoiseMeter, noiseBetween, ticksOfMachine, ticksOfTree } from './machine-noise.js';

/** `/proc/<pid>/stat` up to the times: user, system, and both of the children that have ended. */
function statLine(pid: number, name: string, parent: number, times: readonly [number, number, number, number]): string {
  return `${pid} (${name}) S ${parent} 1 1 0 -1 4194560 100 0 0 0 ${times.join(' ')} 20 0 1 0 5 1000 10`;
}

describe('ticksOfMachine', () => {
  it('counts what all cores computed, without waiting for the disk, and what the hypervisor kept', () => {
    const stat = 'cpu  100 20 30 9000 400 5 6 70 8 9\ncpu0 50 10 15 4500 200 3 3 35 4 4\nctxt 1\n';
    expect(ticksOfMachine(stat)).toEqual({ busy: 100 + 20 + 30 + 5 + 6, stolen: 70 });
  });
});

describe('ticksOfTree', () => {
  it('adds up a process, its descendants and their ended children, whatever they are called', () => {
    const lines = [
      statLine(1, 'init', 0, [1000, 1000, 1000, 1000]),
      statLine(10, 'node', 1, [1, 2, 3, 4]),
      statLine(11, 'a) S 1 (b', 10, [10, 20, 30, 40]),
      statLine(12, 'tmux: server', 11, [100, 200, 300, 400]),
      statLine(20, 'other', 1, [5000, 5000, 5000, 5000]),
    ];
    expect(ticksOfTree(lines, 10)).toBe(10 + 100 + 1000);
    expect(ticksOfTree(lines, 12)).toBe(1000);
    expect(ticksOfTree(lines, 99)).toBe(0);
  });
});

describe('noiseBetween', () => {
  const before = { atMs: 1000, busy: 500, stolen: 10, own: 100 };

  it('gives what others had and what was stolen as shares of one core', () => {
    // Two seconds are 200 ticks: 300 of them on two cores, 100 its own.
    expect(noiseBetween(before, { atMs: 3000, busy: 800, stolen: 30, own: 200 })).toEqual({ othersCores: 1, stolenCores: 0.1 });
  });

  it('takes no time of others where its own was counted a tick later', () => {
    expect(noiseBetween(before, { atMs: 3000, busy: 600, stolen: 10, own: 201 })).toEqual({ othersCores: 0, stolenCores: 0 });
  });
});

const onlyLinux = process.platform === 'linux' ? it : it.skip;

describe('NoiseMeter', () => {
  onlyLinux('counts what is computed outside of the tree that it is given', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log("up")'], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const meter = await NoiseMeter.start(child.pid);
      const startedAt = performance.now();
      const { user } = process.cpuUsage();
      while (process.cpuUsage().user - user < 200_000);
      const { othersCores } = await meter.take();
      // What this process computed; the kernel counts by ticks.
      expect((othersCores * (performance.now() - startedAt)) / 1000).toBeGreaterThan(0.1);
    } finally {
      child.stdin.end();
      await once(child, 'exit');
    }
  });
});
