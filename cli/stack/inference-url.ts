import type { Settings } from '../../workers/settings.js';

/** The address that people and the command use for the inference host. */
export function inferenceUrl({ httpHost, ports, inference }: Pick<Settings, 'httpHost' | 'ports' | 'inference'>): string {
  if (inference.url !== undefined) return inference.url.replace(/\/+$/, '');
  const host = ['0.0.0.0', '::'].includes(httpHost) ? '127.0.0.1' : httpHost;
  return `${inference.isSecure ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${ports.http}`;
}
