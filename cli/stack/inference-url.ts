import type { Settings } from '../../workers/settings.js';

/** The address that people and the command use for the inference host. */
export function inferenceUrl({ httpHost, ports, inference }: Pick<Settings, 'httpHost' | 'ports' | 'inference'>): string {
  if (inference.url !== undefined) return inference.url.replace(/\/+$/, '');
  return `${inference.isSecure ? 'https' : 'http'}://${reachable(httpHost)}:${ports.http}`;
}

/** `host:port` of gRPC on the stack's own host; undefined where that is another one, or its port is not known. */
export function grpcAddress({ httpHost, ports, inference }: Pick<Settings, 'httpHost' | 'ports' | 'inference'>): string | undefined {
  return inference.url !== undefined || ports.grpc === 0 ? undefined : `${reachable(httpHost)}:${ports.grpc}`;
}

function reachable(httpHost: string): string {
  const host = ['0.0.0.0', '::'].includes(httpHost) ? '127.0.0.1' : httpHost;
  return host.includes(':') ? `[${host}]` : host;
}
