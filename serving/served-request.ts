import type { IncomingMessage } from 'node:http';
import type { RequestSpan } from './tracing/span-record.js';

/** A request over HTTP, and what the host knows of it beside what was sent. */
export interface ServedRequest extends IncomingMessage {
  /** That of its `X-Request-Id`, else the one that the Open Inference Protocol has in the body, else a new one. */
  id: string;
  /** Which model a request for predictions asks, once that is known. */
  target?: { readonly model: string; readonly version?: string };
  /** Asks a client that waits for it (`Expect: 100-continue`) to send the body; gone once it was called. */
  askForBody?: () => void;
  /** The version that it asks is full: it is refused once it is read, unless its body speaks of a priority. */
  isSurplus?: boolean;
  /** Of a request that is traced. */
  span?: RequestSpan;
}
