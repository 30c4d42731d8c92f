import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { MlflowError, type MlflowErrorCode } from './errors.js';

export type MlflowAuth = { readonly token: string } | { readonly username: string; readonly password: string };

export interface MlflowClientOptions {
  /** Address of the tracking server, e.g. `http://127.0.0.1:5000`; a path before `/api` is kept. */
  readonly trackingUri: string;
  /** Bearer token, or user name and password. The client reads no environment variables. */
  readonly auth?: MlflowAuth;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For one attempt of a JSON request, from the connection to the end of the answer. @default 30000 */
  readonly timeoutMs?: number;
  /** For one attempt of an upload or download. @default 600000 */
  readonly transferTimeoutMs?: number;
  /** Attempts in all of an idempotent request; others are sent once. @default 4 */
  readonly maxAttempts?: number;
  /** Pause before the second attempt; doubles with each, and varies by up to half. @default 250 */
  readonly backoffMs?: number;
  /** Ends requests that are in flight, and pauses between attempts. */
  readonly signal?: AbortSignal;
}

/** A list is sent as the same key many times. */
export type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;
export type RequestBody = string | Uint8Array | NodeReadableStream<Uint8Array>;

export interface RawRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Below the tracking server's address, segments encoded. */
  readonly path: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called once an attempt, since a stream can be sent once only. */
  readonly body?: () => RequestBody;
  /** Whether doing it twice is the same as doing it once; only such a request is tried again. */
  readonly idempotent: boolean;
  readonly timeoutMs: number;
}

export type JsonRequest = Pick<RawRequest, 'method' | 'path' | 'query' | 'idempotent'> & { readonly body?: unknown };

const longestPauseMs = 10_000;

/** Sends requests to one MLflow server: address, credentials, timeouts, attempts, errors. */
export class Transport {
  readonly #options: MlflowClientOptions;
  readonly #address: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws TypeError when `trackingUri` is not an HTTP address */
  constructor(options: MlflowClientOptions) {
    const url = URL.canParse(options.trackingUri) ? new URL(options.trackingUri) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol)) {
      throw new TypeError(
        `The MLflow tracking address ${JSON.stringify(options.trackingUri)} is not an HTTP address. Give one like http://127.0.0.1:5000.`,
      );
    }
    if (url.username || url.password) {
      throw new TypeError('The MLflow tracking address carries credentials. Give them as `auth`, so that they show up in no message.');
    }
    this.#options = options;
    this.#address = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
    this.#headers = { ...options.headers, ...authorization(options.auth) };
  }

  get address(): string {
    return this.#address;
  }

  get transferTimeoutMs(): number {
    return this.#options.transferTimeoutMs ?? 600_000;
  }

  withSignal(signal: AbortSignal): Transport {
    const signals = this.#options.signal ? [this.#options.signal, signal] : [signal];
    return new Transport({ ...this.#options, signal: AbortSignal.any(signals) });
  }

  /** @returns the parsed answer, `{}` when it is empty */
  async json<T>({ body, ...request }: JsonRequest): Promise<T> {
    return this.send(
      {
        ...request,
        timeoutMs: this.#options.timeoutMs ?? 30_000,
        ...(body !== undefined && { body: () => JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      },
      async (response, described) => {
        const text = await response.text();
        try {
          return (text === '' ? {} : JSON.parse(text)) as T;
        } catch (cause) {
          throw unexpected(described, response.status, text, cause);
        }
      },
    );
  }

  /**
   * Send a request and consume its answer; both within the timeout, both again when an attempt fails in a way that may pass.
   *
   * @throws MlflowError
   * @throws the reason of `signal` when it is aborted
   */
  async send<T>(request: RawRequest, consume: (response: Response, described: string) => Promise<T>): Promise<T> {
    const attempts = request.idempotent ? Math.max(1, this.#options.maxAttempts ?? 4) : 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(request, consume);
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        if (attempt >= attempts || !(error instanceof MlflowError) || !error.isTransient) throw error;
        await this.#pause(attempt);
      }
    }
  }

  async #attempt<T>(request: RawRequest, consume: (response: Response, described: string) => Promise<T>): Promise<T> {
    const url = `${this.#address}${request.path}${queryString(request.query)}`;
    const described = `${request.method} ${url}`;
    const timeout = AbortSignal.timeout(request.timeoutMs);
    const signal = this.#options.signal ? AbortSignal.any([this.#options.signal, timeout]) : timeout;
    const body = request.body?.();
    try {
      const response = await fetch(url, {
        method: request.method,
        headers: { ...this.#headers, ...request.headers },
        signal,
        // A redirect would turn a POST into a GET, and could send the credentials elsewhere.
        redirect: 'error',
        ...(body !== undefined && { body, duplex: 'half' }),
      });
      if (!response.ok) throw await failure(response, described);
      return await consume(response, described);
    } catch (error) {
      if (error instanceof MlflowError || this.#options.signal?.aborted) throw error;
      throw noAnswer(error, described, this.#address, timeout.aborted ? request.timeoutMs : undefined);
    }
  }

  async #pause(attempt: number): Promise<void> {
    const pauseMs = Math.min(longestPauseMs, (this.#options.backoffMs ?? 250) * 2 ** (attempt - 1));
    await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.#options.signal }).catch(() => undefined);
    this.#options.signal?.throwIfAborted();
  }
}

function authorization(auth: MlflowAuth | undefined): Record<string, string> {
  if (!auth) return {};
  if ('token' in auth) return { authorization: `Bearer ${auth.token}` };
  return { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` };
}

function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) parameters.append(key, String(one));
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

async function failure(response: Response, described: string): Promise<MlflowError> {
  const text = await response.text();
  const { status } = response;
  try {
    const { error_code: errorCode, message } = JSON.parse(text) as { error_code?: MlflowErrorCode; message?: string };
    if (errorCode)
      return new MlflowError(`MLflow answered ${described} with ${errorCode}: ${message ?? '(no message)'}`, {
        errorCode,
        status,
        request: described,
      });
  } catch {
    // Not MLflow's JSON: said below.
  }
  if (status === 401) {
    return new MlflowError(
      `MLflow wants credentials for ${described}, or refuses those that were given. Check the token, or the user name and password.`,
      { errorCode: 'UNAUTHENTICATED', status, request: described },
    );
  }
  return unexpected(described, status, text);
}

function unexpected(described: string, status: number, text: string, cause?: unknown): MlflowError {
  const excerpt = text.replace(/\s+/g, ' ').trim().slice(0, 300);
  return new MlflowError(
    `${described} was answered with HTTP ${status} and no MLflow answer: ${JSON.stringify(excerpt)}. Check that the address is that of an MLflow server, and that the server allows its host name (--allowed-hosts).`,
    { errorCode: 'UNEXPECTED_RESPONSE', status, request: described, cause },
  );
}

function noAnswer(cause: unknown, described: string, address: string, timedOutMs: number | undefined): MlflowError {
  if (timedOutMs !== undefined) {
    return new MlflowError(`MLflow at ${address} gave no complete answer to ${described} within ${timedOutMs} ms.`, {
      errorCode: 'TIMEOUT',
      request: described,
      cause,
    });
  }
  return new MlflowError(
    `MLflow could not be reached at ${address} (${rootMessage(cause)}) for ${described}. Check that the server runs and that the address is right.`,
    { errorCode: 'UNREACHABLE', request: described, cause },
  );
}

/** `fetch` says "fetch failed"; what happened stands in the innermost cause. */
function rootMessage(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { cause, message, code } = error as { cause?: unknown; message?: string; code?: string };
  if (cause) return rootMessage(cause);
  // Where several addresses were tried, the message is empty and the code tells.
  return message || code || 'no reason given';
}
