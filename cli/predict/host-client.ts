import { readFileSync } from 'node:fs';
import { Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { CommandError, usageError } from '../command-error.js';

/** What the command shows a host, and by what it knows the host. */
export interface HostAccess {
  readonly token?: string;
  /** Paths of PEM files: the authority of the host's certificate, a certificate of the command's own and its key. */
  readonly authority?: string;
  readonly certificate?: string;
  readonly key?: string;
}

const untrusted = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;
const handshakeFailed = /^(EPROTO|ERR_SSL_|ERR_TLS_|ECONNRESET)/;

/** Asks an inference host over HTTP or TLS. */
export class HostClient {
  readonly #agents: { readonly http: PlainAgent; readonly https: SecureAgent };
  readonly #headers: Readonly<Record<string, string>>;

  /**
   * @param timeoutMs of a request
   * @throws CommandError (usage) that names a file which cannot be read
   */
  constructor(
    { token, authority, certificate, key }: HostAccess,
    private readonly timeoutMs = 30_000,
  ) {
    if ((certificate === undefined) !== (key === undefined))
      throw usageError(
        'A certificate and its key belong together: give both --cert and --key (ANNEAL_INFERENCE_CERT, ANNEAL_INFERENCE_KEY).',
      );
    this.#agents = {
      http: new PlainAgent({ keepAlive: true }),
      https: new SecureAgent({
        keepAlive: true,
        ...(authority === undefined ? {} : { ca: readPem(authority) }),
        ...(certificate === undefined || key === undefined ? {} : { cert: readPem(certificate), key: readPem(key) }),
      }),
    };
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /**
   * @param body sent as JSON by POST; absent: GET
   * @throws CommandError when the host cannot be reached, is not who it should be, or refuses the request
   */
  async ask<T>(address: string, body?: unknown): Promise<T> {
    const url = new URL(address);
    const { status, text } = await this.#send(url, body).catch((error: unknown) => {
      throw unreachable(url, error as NodeJS.ErrnoException);
    });
    if (status >= 400) {
      const advice = status === 401 ? ' Set ANNEAL_INFERENCE_TOKEN, or give a file by --token-file.' : '';
      throw new CommandError(`The inference host refused the request (HTTP ${status}): ${errorText(text)}${advice}`);
    }
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new CommandError(
        `What answers at ${url.origin} is no inference host: it sent something other than JSON. ANNEAL_INFERENCE_URL and ANNEAL_HTTP_PORT say where the host is looked for, "anneal status" where it runs.`,
        undefined,
        { cause: error },
      );
    }
  }

  #send(url: URL, body: unknown): Promise<{ readonly status: number; readonly text: string }> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const isSecure = url.protocol === 'https:';
    const options = {
      agent: isSecure ? this.#agents.https : this.#agents.http,
      method: content === undefined ? 'GET' : 'POST',
      headers: {
        ...this.#headers,
        ...(content === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
      },
      signal: AbortSignal.timeout(this.timeoutMs),
    };
    return new Promise((resolve, reject) => {
      const sent = (isSecure ? secureRequest : plainRequest)(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString('utf8') }));
      });
      sent.on('error', reject);
      sent.end(content);
    });
  }
}

function unreachable({ origin, protocol }: URL, error: NodeJS.ErrnoException): CommandError {
  const { code = '' } = error;
  const options = { cause: error };
  if (protocol === 'https:' && untrusted.test(code))
    return new CommandError(
      `The certificate of the inference host at ${origin} is not trusted (${code}). Give the file of the authority that signed it by --ca or ANNEAL_INFERENCE_CA, and the address with the name that it was made for by --url or ANNEAL_INFERENCE_URL.`,
      undefined,
      options,
    );
  if (protocol === 'https:' && handshakeFailed.test(code))
    return new CommandError(
      `The inference host at ${origin} broke the TLS connection off (${code}). It may want a certificate of its clients (--cert and --key, or ANNEAL_INFERENCE_CERT and ANNEAL_INFERENCE_KEY), or speak no TLS (http://).`,
      undefined,
      options,
    );
  const hint = protocol === 'http:' && code === 'ECONNRESET' ? ' If it speaks TLS, write https:// there.' : '';
  return new CommandError(
    `The inference host does not answer at ${origin}. "anneal status" shows whether it runs, "anneal up" starts it; ANNEAL_INFERENCE_URL and ANNEAL_HTTP_PORT say where it is looked for.${hint}`,
    undefined,
    options,
  );
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usageError(`The file ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}. Correct the path or its permissions.`);
  }
}

function errorText(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === 'string' ? error : body.trim();
  } catch {
    return body.trim();
  }
}
