import { IncomingMessage } from 'node:http';
import type { Span } from '@opentelemetry/api';

/** A request over HTTP, and what the host knows of it beside what was sent. */
export class ServedRequest extends IncomingMessage {
  /** Of a request that is traced. */
  span?: Span;
}
