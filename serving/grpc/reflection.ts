import { readFileSync } from 'node:fs';
import { status, type handleBidiStreamingCall, type ServiceDefinition } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { loadService } from './service-definition.js';

interface ReflectionRequest {
  readonly message_request?: 'file_by_filename' | 'file_containing_symbol' | 'list_services' | (string & {});
  readonly file_by_filename?: string;
  readonly file_containing_symbol?: string;
}

interface DescribedFile {
  readonly name: string;
  /** Full names of its services, their methods, its messages and enumerations. */
  readonly symbols: ReadonlySet<string>;
  readonly services: readonly string[];
  /** A serialized `FileDescriptorProto`. */
  readonly bytes: Uint8Array;
}

const serviceName = 'grpc.reflection.v1.ServerReflection';
/** Its messages are those of the newer one; many tools ask for it alone. */
const olderServiceName = 'grpc.reflection.v1alpha.ServerReflection';
/** Beside this module; none of them imports another. */
const files = ['inference.proto', 'health.proto', 'reflection.proto'];

/** The services by which tools learn what a server speaks, in the two versions that tools ask for. */
export function reflectionServices(): ServiceDefinition[] {
  const service = loadService('./reflection.proto', serviceName);
  const methods = Object.entries(service).map(([name, method]) => [name, { ...method, path: `/${olderServiceName}/${name}` }] as const);
  return [service, Object.fromEntries(methods)];
}

export const reflectionHandlers = { ServerReflectionInfo: reflectionHandler() };

function reflectionHandler(): handleBidiStreamingCall<ReflectionRequest, object> {
  const described = files.map(describeFile);
  return (call) => {
    call.on('data', (request: ReflectionRequest) => call.write({ original_request: request, ...answer(described, request) }));
    call.on('end', () => call.end());
    call.on('error', () => undefined);
  };
}

function answer(files: readonly DescribedFile[], request: ReflectionRequest): object {
  const withFile = (file: DescribedFile | undefined): object =>
    file
      ? { file_descriptor_response: { file_descriptor_proto: [file.bytes] } }
      : { error_response: { error_code: status.NOT_FOUND, error_message: 'This host knows no such file or symbol.' } };
  switch (request.message_request) {
    case 'list_services':
      return { list_services_response: { service: files.flatMap(({ services }) => services.map((name) => ({ name }))) } };
    case 'file_by_filename':
      return withFile(files.find(({ name }) => name === request.file_by_filename));
    case 'file_containing_symbol':
      return withFile(files.find(({ symbols }) => symbols.has(request.file_containing_symbol ?? '')));
    case undefined:
    default:
      return { error_response: { error_code: status.UNIMPLEMENTED, error_message: 'This host has no extensions.' } };
  }
}

function describeFile(name: string): DescribedFile {
  const { root, package: packageName } = protobuf.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8'), { keepCase: true });
  root.resolveAll();
  const symbols = new Set<string>();
  const services: string[] = [];
  const collect = (object: protobuf.ReflectionObject): void => {
    const fullName = object.fullName.replace(/^\./, '');
    if (object instanceof protobuf.Service) {
      services.push(fullName);
      for (const method of object.methodsArray) symbols.add(`${fullName}.${method.name}`);
    }
    if (object instanceof protobuf.Service || object instanceof protobuf.Type || object instanceof protobuf.Enum) symbols.add(fullName);
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(collect);
  };
  root.nestedArray.forEach(collect);
  // The extension adds `toDescriptor` to protobufjs' own classes; its types do not say so.
  const set = (root as unknown as { toDescriptor(edition: string): { file: Record<string, unknown>[] } }).toDescriptor('proto3');
  const file = set.file.find((each) => each.package === packageName);
  if (!file) throw new Error(`${name} has no package that reflection could describe.`);
  file.name = name;
  (file.messageType as DescribedMessage[]).forEach(nameMapEntries);
  const { FileDescriptorProto } = descriptor as unknown as { FileDescriptorProto: protobuf.Type };
  return { name, symbols, services, bytes: FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish() };
}

/** What of a `DescriptorProto` the naming of map entries reads and writes. */
interface DescribedMessage {
  name: string;
  readonly field: { readonly name: string; typeName?: string }[];
  readonly nestedType: DescribedMessage[];
  readonly options?: { readonly mapEntry?: boolean };
}

/**
 * Give the entries of maps the names that protoc gives them, `ParametersEntry` for a field `parameters`.
 *
 * protobufjs calls them `Parameters`, which Python takes, but Go's protobuf, and so grpcurl, refuses with the whole file.
 */
function nameMapEntries(message: DescribedMessage): void {
  for (const entry of message.nestedType) {
    const field = entry.options?.mapEntry ? message.field.find(({ typeName }) => typeName === entry.name) : undefined;
    if (field) entry.name = field.typeName = mapEntryName(field.name);
    else nameMapEntries(entry);
  }
}

function mapEntryName(field: string): string {
  return `${field.replace(/(?:^|_+)(.?)/g, (_, first: string) => first.toUpperCase())}Entry`;
}
