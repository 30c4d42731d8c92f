import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CheckpointQueue } from './checkpoint-queue.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'anneal-queue-'));
});
afterAll(() => rmSync(root, { recursive: true }));

function file(step: number): string {
  const path = join(root, String(step));
  writeFileSync(path, 'bytes');
  return path;
}

describe('CheckpointQueue', () => {
  it('stores one at a time, skips those that a newer one has overtaken, and removes the files', async () => {
    const stored: number[] = [];
    const gates: (() => void)[] = [];
    let tellSecond: () => void = () => {};
    const second = new Promise<void>((resolve) => (tellSecond = resolve));
    const queue = new CheckpointQueue((_path, step) => {
      if (stored.push(step) === 2) tellSecond();
      return new Promise((resolve) => gates.push(resolve));
    });
    const paths = [1, 2, 3].map(file);
    paths.forEach((path, i) => queue.push(path, i + 1));
    expect(stored).toEqual([1]);
    gates[0]();
    await second;
    expect(stored).toEqual([1, 3]);
    gates[1]();
    await queue.drained();
    expect(paths.filter((path) => existsSync(path))).toEqual([]);
  });

  it('says when one could not be stored', async () => {
    const queue = new CheckpointQueue(async () => {
      throw new Error('no space left');
    });
    queue.push(file(4), 4);
    await expect(queue.failed).rejects.toThrow('no space left');
    await queue.drained();
  });
});
