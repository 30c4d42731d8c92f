import { copyFileSync, mkdirSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const maxLogBytes = 10 * 1024 * 1024;

export function logPath(home: string, name: string): string {
  return join(home, 'logs', `${name}.log`);
}

/** @returns a descriptor that appends, to be given to a child process */
export function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  rotateLog(path);
  return openSync(path, 'a');
}

/**
 * Keep a log below its limit: its content goes to `<path>.1`, in place of what was there.
 *
 * Copies and truncates, since the process that writes keeps its descriptor; it appends, so it goes on at the start.
 * A log that cannot be copied, as on a full disk, stays as it is until the next time.
 */
export function rotateLog(path: string, maxBytes = maxLogBytes): void {
  try {
    if (statSync(path).size <= maxBytes) return;
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
  } catch {
    // Nothing that runs is stopped for the sake of its log.
  }
}

/** @returns bytes; 0 of a log that is not there */
export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * @param from bytes of the log that are of no interest, what earlier processes wrote
 * @returns the last lines of a log, without empty ones and the lines of stack traces
 */
export function logTail(path: string, lines: number, from = 0): string {
  try {
    const content = readFileSync(path);
    // One that was put aside meanwhile began anew.
    return content
      .subarray(from <= content.length ? from : 0)
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
      .slice(-lines)
      .join('\n');
  } catch {
    return '';
  }
}
