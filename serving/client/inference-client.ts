import { setTimeout as sleep } from 'node:timers/promises';
import type { PredictResult, PredictTarget } from '../../contracts/serving.js';
import { currentTrace } from '../../telemetry/current-trace.js';
import { type ClientTls, readClientTls } from './client-tls.js';
import { connectionProblem } from './connection-problem.js';
import { createPostJson, type HttpAnswer } from './post-json.js';

export interface InferenceClientOptions {
  /** Of a host or a load balancer, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string;
  /** For hosts that speak TLS, `https://`. Files are read once, when the client is made. */
  readonly tls?: ClientTls;
  /** For an answer, tries and pauses included; any number; beyond 24 days, which a timer takes at most, these. @default 5000 */
  readonly timeoutMs?: number;
  /** After the first try. @default 4 */
  readonly retries?: number;
}

export type PredictOptions = PredictTarget & {
  /** Overrides the client's. */
  readonly timeoutMs?: number;
  /** 1 before others, 2 as others, 3 after others. */
  readonly priority?: 1 | 2 | 3;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
};

export interface InferenceClient<Models extends ModelRows> {
  /**
   * Ask a model. Safe to repeat: predictions change nothing. Connections are kept alive; overload (429), hosts that are not ready
   * (503) and broken connections are tried again, with growing pauses or after what the host says, as often as `retries` says and no
   * longer than the time allows.
   *
   * @throws InferenceError with the status and the host's message; DOMException `TimeoutError` or `AbortError`; TypeError, before
   *   anything is asked, for a version beside a label and for a timeout that is no number
   */
  predict<Name extends keyof Models & string>(
    model: Name,
    instances: readonly Models[Name][],
    options?: PredictOptions,
  ): Promise<PredictResult>;
}

/** Columns of each model: `{ 'flight-delay': { origin: string | null; distance: number } }`. */
export type ModelRows = Readonly<Record<string, object>>;

/** The host refused the request, or went on being unable to answer it. */
export class InferenceError extends Error {
  constructor(
    /** HTTP status; undefined where no host answered. */
    readonly status: number | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'InferenceError';
  }
}

const firstPauseMs = 50;
const maxPauseMs = 2000;
const retried = [429, 502, 503];
/** An hour: hosts take no longer timeout. */
const maxHostTimeoutMicros = 3_600_000_000;

/**
 * A client for inference hosts, over HTTP or TLS, for services that need an answer in milliseconds; a Temporal workflow uses
 * `predictActivity` instead. Where the program traces with OpenTelemetry, requests carry the context of the span at hand.
 *
 * @throws TypeError for a url, timeout, certificate or key that cannot be used
 *
 * @example
 * const client = createInferenceClient<{ 'flight-delay': { origin: string; distance: number } }>({ url: 'http://127.0.0.1:8080' });
 * const { predictions } = await client.predict('flight-delay', [{ origin: 'SFO', distance: 337 }]);
 */
export function createInferenceClient<Models extends ModelRows = Record<string, Record<string, unknown>>>({
  url,
  token,
  tls,
  timeoutMs = 5000,
  retries = 4,
}: InferenceClientOptions): InferenceClient<Models> {
  const base = baseOf(url, tls);
  assertTimeout(timeoutMs);
  const post = createPostJson(base, tls && readClientTls(tls));
  const hasCertificate = tls?.certificate !== undefined;
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  return {
    async predict(model, instances, options = {}) {
      const allowedMs = options.timeoutMs ?? timeoutMs;
      assertTimeout(allowedMs);
      const path = pathOf(model, options);
      const until = performance.now() + allowedMs;
      const timeout = AbortSignal.timeout(timerMs(allowedMs));
      const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
      for (let attempt = 0; ; attempt++) {
        // What the host cannot begin in time it need not begin.
        const micros = Math.min(maxHostTimeoutMicros, Math.max(1, Math.floor((until - performance.now()) * 1000)));
        const parameters = { timeout: micros, ...(options.priority === undefined ? {} : { priority: options.priority }) };
        const body = JSON.stringify({ instances, parameters });
        const answer = post(path, { ...headers, ...(await currentTrace()) }, body, signal);
        const outcome = await answer.then(readAnswer, (error: unknown) => unreachable(base, hasCertificate, signal, error));
        if ('result' in outcome) return outcome.result;
        if (!outcome.isPassing || attempt >= retries) throw outcome.error;
        // Half of the pause at random, so that clients which were refused together do not come back together.
        const growing = Math.min(maxPauseMs, firstPauseMs * 2 ** attempt) * (0.5 + Math.random() / 2);
        const pauseMs = Math.max(growing, outcome.retryAfterMs ?? 0);
        if (performance.now() + pauseMs >= until) throw outcome.error;
        await sleep(pauseMs, undefined, { signal });
      }
    },
  };
}

/** @throws TypeError */
function baseOf(url: string, tls: ClientTls | undefined): string {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined;
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new TypeError(`${JSON.stringify(url)} is not the address of an inference host: give a url like http://127.0.0.1:8080.`);
  if (tls && protocol === 'http:')
    throw new TypeError(`The client is given tls, and the url ${url} speaks none: write https:// there, or leave tls out.`);
  return url.replace(/\/+$/, '');
}

/** @throws TypeError */
function assertTimeout(timeoutMs: number): void {
  if (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs))
    throw new TypeError(`timeoutMs is ${String(timeoutMs)}: give a number of milliseconds, or leave it out.`);
}

/** A timer takes whole milliseconds, and no more than fit into 31 bits. */
function timerMs(timeoutMs: number): number {
  return Math.min(Math.max(1, Math.ceil(timeoutMs)), 2 ** 31 - 1);
}

type Outcome =
  | { readonly result: PredictResult }
  | { readonly error: InferenceError; readonly isPassing: boolean; readonly retryAfterMs?: number };

/** @throws TypeError for a version beside a label, which only untyped callers give */
function pathOf(model: string, { version, label }: PredictOptions): string {
  if (version !== undefined && label !== undefined)
    throw new TypeError(
      `The request names both a version (${JSON.stringify(version)}) and a label (${JSON.stringify(label)}): give one of them, since only one version answers.`,
    );
  const target =
    version !== undefined ? `/versions/${encodeURIComponent(version)}` : label !== undefined ? `/labels/${encodeURIComponent(label)}` : '';
  return `/v1/models/${encodeURIComponent(model)}${target}:predict`;
}

function readAnswer({ status, retryAfter, text }: HttpAnswer): Outcome {
  if (status === 200) return { result: JSON.parse(text) as PredictResult };
  const seconds = Number(retryAfter ?? Number.NaN);
  return {
    error: new InferenceError(status, messageIn(text) ?? `The inference host answered with status ${status}.`),
    isPassing: retried.includes(status),
    ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
  };
}

function messageIn(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

function unreachable(base: string, hasCertificate: boolean, signal: AbortSignal, error: unknown): Outcome {
  signal.throwIfAborted();
  const { message, isPassing } = connectionProblem(base, hasCertificate, error as NodeJS.ErrnoException);
  return { error: new InferenceError(undefined, message, { cause: error }), isPassing };
}
