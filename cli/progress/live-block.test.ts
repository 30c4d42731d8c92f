import { describe, expect, test } from '@jest/globals';
import { stripVTControlCharacters } from 'node:util';
import type { WriteStream } from 'node:tty';
import { fit, LiveBlock } from './live-block.js';

function terminal(rows: number, columns: number): { readonly written: string[]; readonly stream: WriteStream } {
  const written: string[] = [];
  const stream = { rows, columns, write: (text: string) => written.push(text) > 0 } as unknown as WriteStream;
  return { written, stream };
}

describe('LiveBlock', () => {
  test('draws over itself, and puts notes above', () => {
    const { written, stream } = terminal(24, 80);
    const block = new LiveBlock(stream);
    block.draw(['a', 'b']);
    block.draw(['c', 'd'], ['note']);
    expect(written).toEqual(['\r\u001b[0Ja\nb\n', '\u001b[2A\r\u001b[0Jnote\nc\nd\n']);
  });

  test('never draws more lines than the terminal has, since it could not draw over them', () => {
    const { written, stream } = terminal(4, 80);
    new LiveBlock(stream).draw(['1', '2', '3', '4', '5']);
    expect(written).toEqual(['\r\u001b[0J1\n2\n3\n']);
  });

  test('leaves what is drawn when it ends', () => {
    const { written, stream } = terminal(24, 80);
    const block = new LiveBlock(stream);
    block.draw(['a']);
    block.end();
    block.draw(['b']);
    expect(written[1]).toBe('\r\u001b[0Jb\n');
  });
});

describe('fit', () => {
  test('cuts to the width of the terminal and keeps colours whole', () => {
    expect(fit('short', 10)).toBe('short');
    const cut = fit('\u001b[32mgreen and long\u001b[39m', 8);
    expect(stripVTControlCharacters(cut)).toBe('green …');
    expect(cut).toContain('\u001b[39m');
  });
});
