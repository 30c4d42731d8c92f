import type { SpanIds } from './span-record.js';

/** The span of the caller, as it comes with a request. */
export interface TraceParent extends SpanIds {
  readonly isSampled: boolean;
  readonly traceState?: string;
}

const traceparent = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * @param header of the W3C's Trace Context
 * @returns undefined for what is none
 * @see https://www.w3.org/TR/trace-context/
 */
export function readTraceParent(header: string | undefined, traceState?: string): TraceParent | undefined {
  const match = header === undefined ? null : traceparent.exec(header.trim());
  // What follows the flags is of versions to come.
  if (!match || (match[1] === '00' && match[5] !== undefined)) return undefined;
  return {
    traceId: Buffer.from(match[2], 'hex'),
    spanId: Buffer.from(match[3], 'hex'),
    isSampled: (Number.parseInt(match[4], 16) & 1) === 1,
    ...(traceState ? { traceState } : {}),
  };
}
