import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from '@jest/globals';
import { isAlive } from '../is-alive.js';

const root = mkdtempSync(join(tmpdir(), 'anneal-end-with-parent-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function script(name: string, text: string): string {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}
const watching = (rest: string): string =>
  `import { endWithParent } from ${JSON.stringify(new URL('./end-with-parent.ts', import.meta.url).href)};
   const stillHere = endWithParent(300);
   ${rest}`;
const options = { execArgv: ['--import', import.meta.resolve('tsx')] };

describe('endWithParent', () => {
  /** A process that starts the child, and the child's number. */
  async function parentOf(child: string) {
    const text = `import { fork } from 'node:child_process';
       const child = fork(${JSON.stringify(child)}, [], ${JSON.stringify(options)});
       child.on('message', (pid) => process.send(pid));`;
    const parent = fork(script(`parent-${basename(child)}`, text), [], options);
    const [pid] = (await once(parent, 'message')) as [number];
    return { parent, pid };
  }
  async function untilGone(pid: number): Promise<void> {
    for (let i = 0; isAlive(pid) && i < 500; i++) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  }

  it('ends a process that computes without an end after its parent was killed, and not before', async () => {
    const { parent, pid } = await parentOf(script('child.mts', watching(`process.send(process.pid, () => { for (;;); });`)));
    await sleep(1500);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await untilGone(pid);
  });

  it('lets a process live on that says so, as long as it does', async () => {
    const text = `process.on('disconnect', () => {
        const beating = setInterval(stillHere, 20);
        setTimeout(() => clearInterval(beating), 3000);
      });
      setInterval(() => undefined, 1000);
      process.send(process.pid);`;
    const { parent, pid } = await parentOf(script('beating.mts', watching(text)));
    parent.kill('SIGKILL');
    await sleep(2000);
    expect(isAlive(pid)).toBe(true);
    await untilGone(pid);
  });

  it('keeps no process alive that is through', async () => {
    const child = fork(script('through.mts', watching('process.disconnect();')), [], options);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
