import { createServer, type AddressInfo, type Server as NetServer } from 'node:net';
import {
  Metadata,
  Server,
  ServerCredentials,
  logVerbosity,
  setLogVerbosity,
  status as grpcStatus,
  type ConnectionInjector,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import type { RequestSpan } from '../tracing/span-record.js';
import { clientClosedRequest } from '../answer-status.js';
import { badRequest, HttpError, toHttpError } from '../http/http-error.js';
import type { TlsIdentity } from '../http/http-server.js';
import type { ListenerOptions } from '../listener-options.js';
import { modelMetadata, runTensors, serverMetadata, type TensorResult } from '../oip/oip.js';
import { confirmLoaded, refuseUnload } from '../oip/repository.js';
import { newRequestId, plainRequestId } from '../http/request-id.js';
import { RequestCancelledError } from '../request-terms.js';
import { termsOfCall } from './terms-of-call.js';
import { readInferRequest, toInferResponse, type InferRequestMessage } from './infer-messages.js';
import { reflectionHandlers, reflectionServices } from './reflection.js';
import { decodingLeniently, loadService, UndecodableMessage } from './service-definition.js';

export const inferenceServiceName = 'inference.GRPCInferenceService';
export const healthServiceName = 'grpc.health.v1.Health';

export interface GrpcServerOptions extends ListenerOptions {
  readonly maxMessageBytes: number;
  readonly maxRows: number;
  /** A client must have sent its whole request within this time of the beginning of a drain. */
  readonly drainTimeoutMs: number;
}

interface ModelTarget {
  readonly name: string;
  readonly version: string;
}

type Answer<Request> = (request: Request, call: ServerUnaryCall<Request, object>, requestId: string) => object | Promise<object>;

const healthStatus = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;
const watchEveryMs = 500;
const requestIdKey = 'x-request-id';
const grpcStatusByHttp: Readonly<Record<number, number>> = {
  400: grpcStatus.INVALID_ARGUMENT,
  401: grpcStatus.UNAUTHENTICATED,
  403: grpcStatus.PERMISSION_DENIED,
  404: grpcStatus.NOT_FOUND,
  409: grpcStatus.FAILED_PRECONDITION,
  422: grpcStatus.INVALID_ARGUMENT,
  429: grpcStatus.UNAVAILABLE,
  503: grpcStatus.UNAVAILABLE,
  504: grpcStatus.DEADLINE_EXCEEDED,
};

function grpcStatusOf(httpStatus: number): number {
  if (httpStatus === 200) return grpcStatus.OK;
  return httpStatus === clientClosedRequest ? grpcStatus.CANCELLED : (grpcStatusByHttp[httpStatus] ?? grpcStatus.INTERNAL);
}

/** The gRPC side of a serving process: the Open Inference Protocol and gRPC's own health checks. */
export class GrpcServer {
  readonly #server: Server;
  readonly #options: GrpcServerOptions;
  readonly #watches = new Set<() => void>();
  /** What grpc-js listens on itself is closed with its connections, never before them. */
  readonly #listener: NetServer;
  #connections: ConnectionInjector;
  #drained: Promise<void> | undefined;

  private constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_concurrent_streams': 1000,
      // A client that vanished without a word is noticed and let go.
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
    });
    this.#server.addService(decodingLeniently(loadService('./inference.proto', inferenceServiceName)), this.#inferenceMethods());
    this.#server.addService(decodingLeniently(loadService('./health.proto', healthServiceName)), {
      Check: this.#unary(({ service }: { service: string }) => {
        const status = this.#health(service);
        if (status === healthStatus.serviceUnknown) throw new HttpError(404, 'This host has no such service.');
        return { status };
      }),
      Watch: ((call) => this.#watch(call)) satisfies handleServerStreamingCall<{ service: string }, object>,
    });
    for (const service of reflectionServices()) this.#server.addService(service, reflectionHandlers);
    this.#connections = this.#server.createConnectionInjector(credentialsOf(options.tls));
    this.#listener = createServer({ noDelay: true }, (socket) => this.#connections.injectConnection(socket));
  }

  /** @throws Error with the code of `listen`, e.g. `EADDRINUSE` */
  static async listen(options: GrpcServerOptions): Promise<GrpcServer> {
    // What it would write past the log comes as an error as well.
    setLogVerbosity(logVerbosity.NONE);
    const grpc = new GrpcServer(options);
    await new Promise<void>((resolve, reject) => {
      grpc.#listener.once('error', reject);
      grpc.#listener.listen(options.port, options.host, () => resolve());
    });
    return grpc;
  }

  /** Connections that are opened from now on see this certificate; those that are there go on. Only for a server that speaks TLS. */
  useIdentity(tls: TlsIdentity): void {
    this.#connections = this.#server.createConnectionInjector(credentialsOf(tls));
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Free the port at once; who is connected is answered as before. */
  stopListening(): void {
    this.#listener.close();
  }

  /** Take no new calls and finish those that are here. */
  drain(): Promise<void> {
    this.stopListening();
    this.#drained ??= new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), this.#options.drainTimeoutMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    for (const tell of this.#watches) tell();
    return this.#drained;
  }

  get #isReady(): boolean {
    return !this.#drained && this.#options.registry.isReady;
  }

  #inferenceMethods() {
    const { registry, metrics, maxRows, access, tracer } = this.#options;
    const guarded = <Request>(answer: Answer<Request>): handleUnaryCall<Request, object> =>
      this.#unary((request, call, id) => {
        const [authorization] = call.metadata.get('authorization');
        access?.check(authorization === undefined ? undefined : String(authorization), modelOf(request));
        return answer(request, call, id);
      });
    return {
      ServerLive: this.#unary(() => ({ live: true })),
      ServerReady: this.#unary(() => ({ ready: this.#isReady })),
      ModelReady: guarded(({ name, version }: ModelTarget) => ({
        ready: !this.#drained && registry.peek(name, version || undefined)?.executor.isDown === false,
      })),
      ServerMetadata: guarded(() => serverMetadata),
      ModelMetadata: guarded(({ name, version }: ModelTarget) => {
        const served = registry.resolve(name, version || undefined);
        return modelMetadata(served, registry.versions(served.name));
      }),
      ModelInfer: guarded(async (request: InferRequestMessage, call, id) => {
        const target = { model: request.model_name, version: request.model_version || undefined };
        const run = (span?: RequestSpan): Promise<TensorResult> =>
          metrics.measure('grpc', target, () => {
            const terms = termsOfCall(request, call);
            terms.requestId = id;
            if (span) {
              span.setAttribute('anneal.request.id', id);
              terms.span = span;
            }
            return runTensors(registry, target, (manifest) => readInferRequest(request, manifest, maxRows), terms);
          });
        return toInferResponse(request, await (tracer ? tracer.grpc(call.metadata, target, grpcStatusOf, run) : run()));
      }),
      RepositoryIndex: guarded(({ ready }: { ready: boolean }) => ({ models: registry.index(ready) })),
      RepositoryModelLoad: guarded(({ model_name: name }: { model_name: string }) => confirmLoaded(registry, name)),
      RepositoryModelUnload: guarded(() => refuseUnload()),
    };
  }

  #unary<Request>(answer: Answer<Request>): handleUnaryCall<Request, object> {
    return (call, callback) => void this.#answer(call, answer, callback);
  }

  /** Answers say the id of the request in their metadata, as those over HTTP do in a header. */
  async #answer<Request>(call: ServerUnaryCall<Request, object>, answer: Answer<Request>, callback: sendUnaryData<object>): Promise<void> {
    const id = requestIdOf(call);
    let response: object;
    try {
      if (call.request instanceof UndecodableMessage) throw undecodable();
      response = await answer(call.request, call, id);
    } catch (error) {
      const refusal = toHttpError(error);
      if ((!refusal || refusal.status === 500) && !(error instanceof RequestCancelledError)) this.#options.onError(error, id);
      sendId(call, id);
      callback({
        code: grpcStatusOf(refusal?.status ?? 500),
        details: refusal?.message ?? 'The model failed on this request. The log of the host says why.',
      });
      return;
    }
    sendId(call, id);
    callback(null, response);
  }

  #health(service: string): number {
    if (service !== '' && service !== inferenceServiceName) return healthStatus.serviceUnknown;
    return this.#isReady ? healthStatus.serving : healthStatus.notServing;
  }

  /** Tell the status now and whenever it has changed; a drain ends the stream, which would hold it up otherwise. */
  #watch(call: ServerWritableStream<{ service: string }, object>): void {
    if (call.request instanceof UndecodableMessage) {
      call.emit('error', { code: grpcStatus.INVALID_ARGUMENT, details: undecodable().message });
      return;
    }
    let told: number | undefined;
    const tell = (): void => {
      const status = this.#health(call.request.service);
      if (status !== told) call.write({ status: (told = status) });
      if (this.#drained) end();
    };
    const end = (): void => {
      clearInterval(timer);
      this.#watches.delete(tell);
      call.end();
    };
    const timer = setInterval(tell, watchEveryMs);
    this.#watches.add(tell);
    call.on('cancelled', end);
    tell();
  }
}

function undecodable(): HttpError {
  return badRequest(
    'The bytes of the request are no message of the type that this method takes. Make the client from the .proto of this host.',
  );
}

/** That of the metadata, else the one that the message bears, else a new one. */
function requestIdOf({ metadata, request }: ServerUnaryCall<unknown, object>): string {
  const [given] = metadata.get(requestIdKey);
  return plainRequestId(given) ?? plainRequestId((request as { id?: unknown }).id) ?? newRequestId();
}

/** Just before the answer, so that both leave together. */
function sendId(call: ServerUnaryCall<unknown, object>, id: string): void {
  const metadata = new Metadata();
  metadata.set(requestIdKey, id);
  call.sendMetadata(metadata);
}

/** The model that a request is about, whatever its message calls it. */
function modelOf(request: unknown): string | undefined {
  const { name, model_name: modelName } = request as { name?: string; model_name?: string };
  return name || modelName || undefined;
}

function credentialsOf(tls: TlsIdentity | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const { certificate, key, clientAuthority } = tls;
  return ServerCredentials.createSsl(
    clientAuthority === undefined ? null : Buffer.from(clientAuthority),
    [{ cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) }],
    clientAuthority !== undefined,
  );
}
