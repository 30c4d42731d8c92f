import { badRequest } from './http-error.js';
import { requestTerms, type Priority, type RequestTerms } from '../request-terms.js';

/** An hour: what waits longer than that is a batch job. */
const maxTimeoutMicros = 3600e6;

/**
 * Read `timeout` (microseconds) and `priority` of a request's parameters, as Triton understands them; each a whole number, or one in
 * decimal digits. null is none.
 *
 * A timeout of 0 is none. A priority is 1 (before all others), 2 (as without one), or more (after all others); 0 is none.
 *
 * @param parameters unchecked
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_schedule_policy.md
 * @throws HttpError 400
 */
export function termsOfRequest(parameters: Readonly<Record<string, unknown>> | undefined): RequestTerms {
  const timeout = parameters?.timeout ?? undefined;
  const priority = parameters?.priority ?? undefined;
  const terms: { priority?: Priority; deadlineAt?: number } = {};
  if (timeout !== undefined) {
    const micros = toInteger(timeout);
    if (!(micros >= 0 && micros <= maxTimeoutMicros)) throw unusable('timeout', timeout, 'microseconds, of an hour at most');
    if (micros > 0) terms.deadlineAt = performance.now() + micros / 1000;
  }
  if (priority !== undefined) {
    const level = toInteger(priority);
    if (!(level >= 0)) throw unusable('priority', priority, '1 before others, 2 as others, 3 after others');
    terms.priority = level === 1 ? 'high' : level >= 3 ? 'low' : 'normal';
  }
  return requestTerms(terms);
}

function toInteger(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) ? (number as number) : Number.NaN;
}

function unusable(name: string, value: unknown, expected: string): Error {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return badRequest(`The parameter "${name}" is ${shown}: give a whole number, or a string of its decimal digits (${expected}).`);
}
