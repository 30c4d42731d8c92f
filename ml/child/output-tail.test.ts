import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { OutputTail } from './output-tail.js';

/** What a process of Node.js writes before it ends. */
async function tailOf(flags: readonly string[], code: string): Promise<OutputTail> {
  const child = spawn(process.execPath, [...flags, '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  const tail = new OutputTail(child.stdout, child.stderr);
  await once(child, 'close');
  return tail;
}

describe('OutputTail', () => {
  it('keeps what an aborted process says of JavaScript, without the frames of native code', async () => {
    const tail = await tailOf([], 'console.error("reading rows"); (function readRows() { process.abort(); })()');
    expect(tail.text()).toMatch(/^reading rows\n-+ JavaScript stack trace -+\n/);
    expect(tail.text()).toContain('readRows');
    expect(tail.text()).not.toMatch(/Native|0x/);
    expect(tail.shortage).toBeUndefined();
  });

  it('keeps the words of a process whose heap is full', async () => {
    const tail = await tailOf(['--max-old-space-size=30'], 'const all = []; for (;;) all.push(new Array(1000).fill(1));');
    expect(tail.text()).toContain('JavaScript heap out of memory');
    expect(tail.text()).not.toMatch(/\[node\]/);
    expect(tail.shortage).toBe('heap');
  });

  it('keeps the last 20 lines', async () => {
    const stream = new PassThrough();
    const tail = new OutputTail(stream);
    stream.end(Array.from({ length: 30 }, (_, i) => `line ${i}\n\n`).join(''));
    await once(stream, 'end');
    expect(tail.text().split('\n')).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i + 10}`));
  });
});
