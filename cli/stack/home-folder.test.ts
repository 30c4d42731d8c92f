import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CommandError } from '../command-error.js';
import { ensureHome } from './home-folder.js';

describe('ensureHome', () => {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-home-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('makes the folder with those above it, and is content when it is there', () => {
    const home = join(folder, 'a b', 'é', '.anneal');
    ensureHome(home);
    ensureHome(home);
    expect(existsSync(home)).toBe(true);
  });

  it('names the variable when a file is in the way', () => {
    ensureHome(folder);
    writeFileSync(join(folder, 'file'), '');
    for (const home of [join(folder, 'file'), join(folder, 'file', 'below')]) {
      expect(() => ensureHome(home)).toThrow(CommandError);
      expect(() => ensureHome(home)).toThrow('ANNEAL_HOME');
    }
  });

  it('returns at once where no folder can be made', () => {
    const place = process.platform === 'linux' ? '/proc/anneal/home' : '/dev/null/home';
    expect(() => ensureHome(place)).toThrow('ANNEAL_HOME');
  });
});
