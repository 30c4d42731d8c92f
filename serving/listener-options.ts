import type { AccessControl } from './access.js';
import type { TlsIdentity } from './http/http-server.js';
import type { ServingMetrics } from './metrics/metrics.js';
import type { ModelRegistry } from './model-registry.js';
import type { ServingTracer } from './tracing/serving-tracer.js';

/** What every server of a serving process needs, whatever its protocol. */
export interface ListenerOptions {
  /** Absent: whoever reaches the host may ask. */
  readonly access?: AccessControl;
  readonly tls?: TlsIdentity;
  readonly registry: ModelRegistry;
  readonly metrics: ServingMetrics;
  readonly host: string;
  readonly port: number;
  /** Absent: no spans are made. */
  readonly tracer?: ServingTracer;
  /** An error of ours: the client is told no more than that there was one. */
  readonly onError: (error: unknown, requestId: string) => void;
}
