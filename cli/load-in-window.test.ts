import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { exitCodes } from './command-error.js';
import { loadInWindow } from './load-in-window.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-window-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function pipeline(name: string, source: object): string {
  const definition = {
    name,
    source: { format: 'csv', uri: 'tiny.csv', ...source },
    columns: { at: { type: 'timestamp' }, x: { type: 'float' }, y: { type: 'boolean' } },
    target: { task: 'binary', name: 'y', expression: 'y' },
    split: { kind: 'random' },
    features: { x: { kind: 'numeric', column: 'x' } },
    model: { family: 'linear' },
  };
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `export default ${JSON.stringify(definition)};`);
  return path;
}

describe('loadInWindow', () => {
  const whole = pipeline('whole', {});

  it('sets the ends of a window for one run', async () => {
    const windowed = pipeline('windowed', { window: { column: 'at', since: '-7d' } });
    expect((await loadInWindow(windowed, [], { since: '-30d', until: 'now' })).source.window).toEqual({
      column: 'at',
      since: '-30d',
      until: 'now',
    });
    expect((await loadInWindow(whole, ['source.window.column=at'], { since: '-1d' })).source.window).toEqual({
      column: 'at',
      since: '-1d',
    });
    expect((await loadInWindow(whole, [], {})).source.window).toBeUndefined();
  });

  it.each([
    [
      'a pipeline without a window',
      { since: '-1d' },
      /"whole" reads its whole source, so --since.*column: 'at'.*--set source\.window\.column=at/,
    ],
    ['a word', { since: '-1d', until: 'tomorrow' }, /--until "tomorrow" is no time: use an ISO 8601 date/],
  ])('says in one paragraph what is wrong with %s', async (_, window, message) => {
    await expect(loadInWindow(whole, [], window)).rejects.toMatchObject({
      exitCode: exitCodes.usage,
      message: expect.stringMatching(message),
    });
  });
});
