import { toHttpError } from './http/http-error.js';
import { ClientGone } from './http/request-body.js';
import { RequestCancelledError } from './request-terms.js';

/** What a client that went away would have been told, had it stayed; as in the logs of nginx. */
export const clientClosedRequest = 499;

/** @returns the HTTP status of a request that failed so, or its counterpart in other protocols */
export function statusOfError(error: unknown): number {
  if (error instanceof ClientGone || error instanceof RequestCancelledError) return clientClosedRequest;
  return toHttpError(error)?.status ?? 500;
}
