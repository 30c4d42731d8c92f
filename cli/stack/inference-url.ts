import type { Settings } from '../../workers/settings.js';

/** The address that people and the command use for the inference host. */
export function inferenceUrl({ httpHost, ports }: Pick<Settings, 'httpHost' | 'ports'>): string {
  const host = ['0.0.0.0', '::'].includes(httpHost) ? '127.0.0.1' : httpHost;
  return `http://${host.includes(':') ? `[${host}]` : host}:${ports.http}`;
}
