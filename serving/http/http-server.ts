import { createServer, STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { badRequest, HttpError, toHttpError } from './http-error.js';
import { endAfterDrain } from './end-after-drain.js';
import type { ListenerOptions } from '../listener-options.js';
import { ClientGone } from './request-body.js';
import { newRequestId, plainRequestId } from './request-id.js';
import { RequestCancelledError } from '../request-terms.js';
import { answerRequest } from './answer-request.js';
import type { Answer, RouteContext } from './routes.js';
import type { ServedRequest } from '../served-request.js';

export interface HttpLimits {
  /** @default 8 MiB */
  readonly maxBodyBytes?: number;
  /** Rows of one request. @default 10,000 */
  readonly maxRows?: number;
  /** Requests for predictions at a time; more are refused with 429. @default 1024 */
  readonly maxInFlight?: number;
  /** Connections at a time; more are closed as they come. @default 8192 */
  readonly maxConnections?: number;
  /** A client must have sent its headers within this time. @default 10,000 */
  readonly headersTimeoutMs?: number;
  /** …and its whole request within this. @default 30,000 */
  readonly requestTimeoutMs?: number;
  /** One that takes nothing of an answer for this long is cut off. @default 120,000 */
  readonly answerTimeoutMs?: number;
}

/** PEM texts. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate of this authority. */
  readonly clientAuthority?: string;
}

/** One line of the log. */
export interface AnsweredRequest {
  readonly requestId: string;
  readonly status: number;
  /** Of a request for predictions. */
  readonly model?: string;
  /** That predicted, or was to. */
  readonly version?: string;
  readonly degraded?: string;
  readonly ms: number;
}

export interface HttpServerOptions extends HttpLimits, ListenerOptions {
  /** Told of every answer; left out where nobody would read it. */
  readonly onAnswer?: (answered: AnsweredRequest) => void;
  /** For Prometheus: of all processes of the host. */
  readonly metricsText: () => Promise<string>;
  /** Where each version executes, in all processes of the host. */
  readonly places: RouteContext['places'];
}

/** While draining: a request that is on its way on a kept-alive connection is still answered, with "Connection: close". */
const idleGraceMs = 250;
const idleConnectionMs = 75_000;
const shortBytes = 1024;

/** The HTTP side of a serving process. */
export class HttpServer {
  readonly #server: Server | SecureServer;
  readonly #context: RouteContext;
  readonly #onError: HttpServerOptions['onError'];
  readonly #onAnswer: HttpServerOptions['onAnswer'];
  readonly #answerTimeoutMs: number;
  #closed: Promise<void> | undefined;
  #drained: Promise<void> | undefined;

  private constructor(options: HttpServerOptions) {
    this.#onError = options.onError;
    this.#onAnswer = options.onAnswer;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? 120_000;
    this.#context = {
      registry: options.registry,
      metrics: options.metrics,
      metricsText: options.metricsText,
      places: options.places,
      access: options.access,
      tracer: options.tracer,
      maxBodyBytes: options.maxBodyBytes ?? 8 * 1024 * 1024,
      maxRows: options.maxRows ?? 10_000,
      load: { inFlight: 0, maxInFlight: options.maxInFlight ?? 1024 },
      accepting: () => !this.#drained,
    };
    const headersTimeout = options.headersTimeoutMs ?? 10_000;
    const requestTimeout = options.requestTimeoutMs ?? 30_000;
    const timing = {
      headersTimeout: Math.min(headersTimeout, requestTimeout),
      requestTimeout,
      keepAliveTimeout: idleConnectionMs,
      connectionsCheckingInterval: Math.min(1000, headersTimeout, requestTimeout),
      noDelay: true,
      // We ask for it ourselves, with an answer that says so.
      requireHostHeader: false,
      // What comes twice and may come once is seen to: Node would pass over the second one, and a proxy perhaps over the first.
      joinDuplicateHeaders: true,
    };
    // `#handle` gives the request its id first.
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request as ServedRequest, response);
    const { tls } = options;
    this.#server = tls
      ? createSecureServer({ ...timing, ...tlsOptions(tls), handshakeTimeout: timing.headersTimeout }, handle)
      : createServer(timing, handle);
    this.#server.maxConnections = options.maxConnections ?? 8192;
    this.#server.on('clientError', answerClientError);
    // Left to itself, Node asks for bodies that will be refused, and answers other expectations without a word.
    this.#server.on('checkContinue', (request: ServedRequest, response: ServerResponse) => {
      request.askForBody = () => {
        request.askForBody = undefined;
        response.writeContinue();
      };
      handle(request, response);
    });
    this.#server.on('checkExpectation', handle);
  }

  /** @throws the error of `listen`, e.g. with the code `EADDRINUSE` */
  static async listen(options: HttpServerOptions): Promise<HttpServer> {
    const http = new HttpServer(options);
    await new Promise<void>((resolve, reject) => {
      http.#server.once('error', reject);
      http.#server.listen(options.port, options.host, () => resolve());
    });
    return http;
  }

  /** Connections that are opened from now on see this certificate; those that are there go on. Only for a server that speaks TLS. */
  useIdentity(tls: TlsIdentity): void {
    (this.#server as SecureServer).setSecureContext(tlsOptions(tls));
  }

  get address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  /** Free the port at once; who is connected is answered as before. @returns when the last connection has ended */
  stopListening(): Promise<void> {
    // `close` of an HTTP server would drop idle connections at once, and with them the requests that are on their way.
    return (this.#closed ??= new Promise((resolve) => NetServer.prototype.close.call(this.#server, () => resolve())));
  }

  /** Take no new connections, finish the requests that are here, and close each connection after its answer. */
  drain(): Promise<void> {
    if (!this.#drained) setTimeout(() => this.#server.closeIdleConnections(), idleGraceMs);
    return (this.#drained ??= this.stopListening());
  }

  async #handle(request: ServedRequest, response: ServerResponse): Promise<void> {
    request.id = plainRequestId(request.headers['x-request-id']) ?? newRequestId();
    const startedAt = this.#onAnswer ? performance.now() : 0;
    try {
      checkHeaders(request);
      const answer = await answerRequest(this.#context, request, response);
      this.#send(response, request, startedAt, answer);
    } catch (error) {
      if (error instanceof ClientGone || error instanceof RequestCancelledError) return;
      const refusal = toHttpError(error);
      if (!refusal || refusal.status === 500) this.#onError(error, request.id);
      const { status, message, headers } = refusal ?? new HttpError(500, 'The model failed on this request. The log of the host says why.');
      this.#send(response, request, startedAt, { status, body: { error: message }, headers });
    }
  }

  #send(
    response: ServerResponse,
    request: ServedRequest,
    startedAt: number,
    { status, body, isLatin1, headers, version, degraded }: Answer,
  ): void {
    if (response.destroyed || response.headersSent) return;
    const { id, target } = request;
    const content = contentOf(body);
    const sizeBytes = isLatin1 || Buffer.isBuffer(body) ? content.length : Buffer.byteLength(content);
    const all: OutgoingHttpHeaders = { 'content-type': 'application/json', 'content-length': sizeBytes, 'x-request-id': id };
    const isUnread = !request.complete && !request.askForBody && (status === 413 || this.#isTooLong(request));
    // Whether a client that was not asked for its body sends it all the same, nobody knows.
    if (this.#drained || request.askForBody || isUnread) all.connection = 'close';
    response.writeHead(status, headers ? Object.assign(all, headers) : all);
    // Text of as many bytes as characters is copied instead of encoded.
    const encoding = sizeBytes === content.length ? 'latin1' : 'utf8';
    if (isUnread) {
      response.write(content, encoding);
      endAfterDrain(request, response);
    } else response.end(content, encoding);
    // A client that stops reading its answer would hold it in memory for ever. Those that read it need no timer.
    if (response.socket?.writableLength !== 0) response.setTimeout(this.#answerTimeoutMs);
    if (!this.#onAnswer) return;
    // Names that nothing here bears are the client's own.
    const served = target && this.#context.registry.peek(target.model, target.version);
    const asked = { model: served?.name, version: version ?? served?.version };
    this.#onAnswer({ requestId: id, status, ...asked, degraded, ms: performance.now() - startedAt });
  }

  /** By its own word; whatever else it is refused for, the connection is not kept for so many bytes. */
  #isTooLong({ headers }: ServedRequest): boolean {
    return Number(headers['content-length'] ?? 0) > this.#context.maxBodyBytes;
  }
}

/** @throws HttpError for what HTTP/1.1 wants or has, and neither Node's parser nor the routes look at */
function checkHeaders({ headers, httpVersion, askForBody }: ServedRequest): void {
  const { host, expect, 'transfer-encoding': coding } = headers;
  if (coding !== undefined) {
    // Without it in HTTP/1.0, and with another one than this, two readers may disagree where the body ends (RFC 9112, 6.1).
    if (httpVersion === '1.0') throw new HttpError(400, 'HTTP/1.0 has no Transfer-Encoding. Send the body with a Content-Length.', closes);
    if (coding.toLowerCase() !== 'chunked')
      throw new HttpError(
        501,
        'This host takes no Transfer-Encoding but "chunked". A compressed body says so in Content-Encoding.',
        closes,
      );
  }
  if (httpVersion !== '1.1') {
    if (httpVersion === '1.0') return;
    throw new HttpError(505, 'This host speaks HTTP/1.1 and HTTP/1.0.');
  }
  if (host === undefined) throw badRequest('The request has no Host header, which HTTP/1.1 wants. Send it with the name of this host.');
  if (!hostPattern.test(host))
    throw badRequest('The Host header must come once, as the name or address of this host with or without a port.');
  if (expect !== undefined && !askForBody)
    throw new HttpError(417, 'This host meets no expectation but "Expect: 100-continue". Send the request without that header.');
}

/** What follows on such a connection may be anything. */
const closes = { connection: 'close' };
/** The characters of `uri-host [":" port]`; two headers would be joined by a comma and a space. @see RFC 9110, 7.2; RFC 3986, 3.2.2 */
const hostPattern = /^[\w.~!$&'()*+,;=:%[\]-]*$/;

/** What is written. Short bytes are a text with a character for each, which Node joins with the headers instead of writing two pieces. */
function contentOf(body: unknown): string | Buffer {
  if (!Buffer.isBuffer(body)) return typeof body === 'string' ? body : JSON.stringify(body);
  return body.length <= shortBytes ? body.toString('latin1') : body;
}

function tlsOptions({ certificate, key, clientAuthority }: TlsIdentity) {
  const ofClients = clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true, rejectUnauthorized: true };
  return { cert: certificate, key, minVersion: 'TLSv1.2' as const, ...ofClients };
}

/** What Node's parser refuses before there is a request: bad syntax, headers too large, a client that is too slow. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // Before the handshake of TLS is done an answer would wait for its end, and the connection with it.
  if (!socket.writable || !/^(HPE_|ERR_HTTP_)/.test(error.code ?? '')) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const message =
    status === 431
      ? 'The headers of the request are too large.'
      : status === 408
        ? 'The request was not complete in time.'
        : 'This is not a valid HTTP request.';
  const text = JSON.stringify({ error: message });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
