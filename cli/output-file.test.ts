import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeOutputFile } from './output-file.js';

describe('writeOutputFile', () => {
  const root = mkdtempSync(join(tmpdir(), 'anneal-output-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, 'rows.csv');

  test('replaces a file once the new one is whole', async () => {
    writeFileSync(file, 'old');
    const rows = await writeOutputFile(file, (temporary) => {
      writeFileSync(temporary, 'new');
      expect(readFileSync(file, 'utf8')).toBe('old');
      return 3;
    });
    expect(rows).toBe(3);
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(readdirSync(root)).toEqual(['rows.csv']);
  });

  test('keeps what was there, and leaves nothing else, where writing fails', async () => {
    writeFileSync(file, 'old');
    const failing = writeOutputFile(file, (temporary) => {
      writeFileSync(temporary, 'ha');
      throw new Error(`No space left on ${temporary}.`);
    });
    await expect(failing).rejects.toThrow(`The file ${file} cannot be written: No space left on ${file}. Nothing was changed;`);
    expect(readFileSync(file, 'utf8')).toBe('old');
    expect(readdirSync(root)).toEqual(['rows.csv']);
  });

  test('says of a folder that is missing, and of one in the place of the file, what is wrong', async () => {
    mkdirSync(join(root, 'folder'));
    const write = (path: string) => writeOutputFile(path, () => undefined);
    await expect(write(join(root, 'nowhere', 'a.csv'))).rejects.toThrow(`there is no folder ${join(root, 'nowhere')}`);
    await expect(write(join(file, 'a.csv'))).rejects.toThrow(`there is no folder ${file}`);
    await expect(write(join(root, 'folder'))).rejects.toThrow('it is a folder');
  });
});
