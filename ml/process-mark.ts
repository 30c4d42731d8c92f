import { hostname } from 'node:os';
import { isAlive } from './is-alive.js';

const host = hostname().replace(/[^A-Za-z0-9.]/g, '_');
const pattern = /^([A-Za-z0-9._]+)-(\d+)$/;

/** Names this process among those of several machines, as a part of file names: `<host>-<pid>`. */
export const processMark = `${host}-${process.pid}`;

/**
 * Whether the process that left a mark is gone.
 *
 * @returns undefined when that cannot be seen from here: it ran on another machine, or the text is no mark
 */
export function isGone(mark: string): boolean | undefined {
  const [, machine, pid] = pattern.exec(mark) ?? [];
  return machine === host ? !isAlive(Number(pid)) : undefined;
}
