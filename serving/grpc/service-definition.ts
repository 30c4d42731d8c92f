import { readFileSync } from 'node:fs';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** A 64-bit integer as protobufjs gives it. */
export type Long = number | { readonly low: number; readonly high: number; toNumber(): number };

/** Messages of one method, as they are decoded and before they are encoded. */
export type Method = MethodDefinition<object, object>;

/**
 * Read a service from its `.proto` file, for grpc-js to serve or to call.
 *
 * @param file beside this module
 * @param serviceName with its package
 */
export function loadService(file: string, serviceName: string): ServiceDefinition & Readonly<Record<string, Method>> {
  const { root } = protobuf.parse(readFileSync(new URL(file, import.meta.url), 'utf8'), { keepCase: true });
  const service = root.lookupService(serviceName);
  return Object.fromEntries(
    service.methodsArray.map((method) => {
      method.resolve();
      const { resolvedRequestType: request, resolvedResponseType: response } = method;
      const streams = { request: method.requestStream ?? false, response: method.responseStream ?? false };
      return [method.name, definition(`/${serviceName}/${method.name}`, request!, response!, streams)];
    }),
  );
}

/** Stands for the request of a call whose message is none of its type: grpc-js would tell the client of an error of ours. */
export class UndecodableMessage {}

/** The service for a server that says itself what is wrong with such a message; `UndecodableMessage` comes in its place. */
export function decodingLeniently(service: Readonly<Record<string, Method>>): ServiceDefinition {
  const lenient = ({ requestDeserialize, ...method }: Method): Method => ({
    ...method,
    requestDeserialize: (bytes) => {
      try {
        return requestDeserialize(bytes);
      } catch {
        return new UndecodableMessage();
      }
    },
  });
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, lenient(method)]));
}

interface Streams {
  readonly request: boolean;
  readonly response: boolean;
}

function definition(path: string, request: protobuf.Type, response: protobuf.Type, streams: Streams): Method {
  return {
    path,
    requestStream: streams.request,
    responseStream: streams.response,
    requestSerialize: (message) => Buffer.from(request.encode(message).finish()),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => Buffer.from(response.encode(message).finish()),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}
