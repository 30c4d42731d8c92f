import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { ClientIdentity } from './client-tls.js';

export interface HttpAnswer {
  readonly status: number;
  /** As the header says it. */
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/**
 * Send one request and read its answer to the end.
 *
 * @throws what the connection died of; the reason of the signal
 */
export type PostJson = (path: string, headers: Readonly<Record<string, string>>, body: string, signal: AbortSignal) => Promise<HttpAnswer>;

/** Requests to one host, over connections that are kept alive and hold no program open that has nothing else to do. */
export function createPostJson(base: string, tls: ClientIdentity | undefined): PostJson {
  const isSecure = new URL(base).protocol === 'https:';
  const agent = isSecure ? new SecureAgent({ keepAlive: true, ...tls }) : new PlainAgent({ keepAlive: true });
  const send = isSecure ? secureRequest : plainRequest;
  return (path, headers, body, signal) =>
    new Promise((resolve, reject) => {
      const failed = (error: Error) => reject(signal.aborted ? signal.reason : error);
      if (signal.aborted) return failed(signal.reason as Error);
      const allHeaders = { ...headers, 'content-length': Buffer.byteLength(body) };
      const sent = send(`${base}${path}`, { agent, method: 'POST', headers: allHeaders, signal }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            retryAfter: response.headers['retry-after'],
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      });
      sent.on('error', failed);
      sent.end(body);
    });
}
