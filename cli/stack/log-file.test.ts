import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { closeSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { logPath, logSize, logTail, openLog, rotateLog } from './log-file.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(`${tmpdir()}/anneal-log-`);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('a log file', () => {
  test('is put aside when it has grown, under the descriptor that writes it', () => {
    const path = logPath(home, 'data');
    const log = openLog(path);
    writeSync(log, 'old old old\n');
    rotateLog(path, 5);
    writeSync(log, 'new\n');
    closeSync(log);
    expect(readFileSync(path, 'utf8')).toBe('new\n');
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('old old old\n');
  });

  test('stays where it is below its limit, and need not exist', () => {
    const path = logPath(home, 'data');
    rotateLog(path);
    closeSync(openLog(path));
    rotateLog(path);
    expect(existsSync(`${path}.1`)).toBe(false);
  });

  test('stays where it is when there is no way to put it aside', () => {
    const path = logPath(home, 'data');
    const log = openLog(path);
    writeSync(log, 'old old old\n');
    mkdirSync(`${path}.1`);
    rotateLog(path, 5);
    closeSync(log);
    expect(readFileSync(path, 'utf8')).toBe('old old old\n');
  });

  test('ends with what went wrong, without the stack trace', () => {
    const path = logPath(home, 'data');
    const log = openLog(path);
    writeSync(log, 'start\n\nError: no such port\n    at connect (node:net:1)\n    at async main\n');
    closeSync(log);
    expect(logTail(path, 1)).toBe('Error: no such port');
    expect(logTail(logPath(home, 'none'), 5)).toBe('');
  });

  test('ends with what the present process wrote, not with what an earlier one did', () => {
    const path = logPath(home, 'data');
    const log = openLog(path);
    writeSync(log, 'Error of yesterday\n');
    const start = logSize(path);
    expect(logTail(path, 5, start)).toBe('');
    writeSync(log, 'Error of today\n');
    expect(logTail(path, 5, start)).toBe('Error of today');
    rotateLog(path, 5);
    writeSync(log, 'More\n');
    closeSync(log);
    expect(logTail(path, 5, start)).toBe('More');
  });
});
