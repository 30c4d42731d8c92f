import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
   endWithParent(100);
   ${rest}`;
const options = { execArgv: ['--import', import.meta.resolve('tsx')] };

describe('endWithParent', () => {
  it('ends a process that computes without an end after its parent was killed, and not before', async () => {
    const child = script('child.mts', watching(`process.send(process.pid, () => { for (;;); });`));
    const text = `import { fork } from 'node:child_process';
       const child = fork(${JSON.stringify(child)}, [], ${JSON.stringify(options)});
       child.on('message', (pid) => process.send(pid));`;
    const parent = fork(script('parent.mts', text), [], options);
    const [pid] = (await once(parent, 'message')) as [number];
    await sleep(1500);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (let i = 0; isAlive(pid) && i < 500; i++) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  });

  it('keeps no process alive that is through', async () => {
    const child = fork(script('through.mts', watching('process.disconnect();')), [], options);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
