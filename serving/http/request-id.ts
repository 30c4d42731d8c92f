import { randomBytes } from 'node:crypto';

/** Random for a process, counted within it: unique, and cheap enough for every request. */
const prefix = randomBytes(6).toString('base64url');
let count = 0;

/** A new id of a request; it stands in the answer and in the logs. */
export function newRequestId(): string {
  return `${prefix}-${(count++).toString(36)}`;
}

/** @returns what a client calls its request, if it is a plain name: it goes into headers and log lines as it is */
export function plainRequestId(given: unknown): string | undefined {
  return typeof given === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : undefined;
}
