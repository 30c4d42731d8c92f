import { X509Certificate } from 'node:crypto';

/** @param text PEM, of which the first certificate counts @returns when it stops to be valid, milliseconds since 1970 */
export function certificateEndMs(text: string): number {
  return Date.parse(new X509Certificate(text).validTo);
}
