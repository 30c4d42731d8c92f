import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Random for a process, counted within it: unique, and cheap enough for every request. */
const prefix = randomBytes(6).toString('base64url');
let count = 0;

/** @returns the request's own id from `X-Request-Id`, if it is a plain one, else a new one; it stands in the answer and in the log */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  if (typeof given === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(given)) return given;
  return `${prefix}-${(count++).toString(36)}`;
}
