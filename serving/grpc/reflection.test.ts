import { describe, expect, it } from '@jest/globals';
import type protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { reflectionHandlers } from './reflection.js';

interface Message {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly typeName: string }[];
  readonly nestedType: readonly Message[];
  readonly options?: { readonly mapEntry?: boolean };
}

/** What a tool is told that asks for the file of a symbol. */
function messagesBeside(symbol: string): readonly Message[] {
  const answers: { file_descriptor_response: { file_descriptor_proto: Uint8Array[] } }[] = [];
  const listeners = new Map<string, (request: object) => void>();
  const call = {
    on: (event: string, listener: (request: object) => void) => listeners.set(event, listener),
    write: (answer: (typeof answers)[number]) => answers.push(answer),
  };
  reflectionHandlers.ServerReflectionInfo(call as unknown as Parameters<typeof reflectionHandlers.ServerReflectionInfo>[0]);
  listeners.get('data')!({ message_request: 'file_containing_symbol', file_containing_symbol: symbol });
  const { FileDescriptorProto } = descriptor as unknown as { FileDescriptorProto: protobuf.Type };
  const [bytes] = answers[0]!.file_descriptor_response.file_descriptor_proto;
  return (FileDescriptorProto.decode(bytes!) as unknown as { messageType: readonly Message[] }).messageType;
}

/** Each map as `Message.field: type of the field, entries that the message holds`. */
function mapsOf(message: Message, path = message.name): string[] {
  const entries = message.nestedType.filter(({ options }) => options?.mapEntry).map(({ name }) => name);
  const fields = message.field
    .filter(({ typeName }) => entries.includes(typeName))
    .map(({ name, typeName }) => `${path}.${name}: ${typeName}`);
  expect(fields).toHaveLength(entries.length);
  return [...fields, ...message.nestedType.flatMap((nested) => mapsOf(nested, `${path}.${nested.name}`))];
}

describe('reflection', () => {
  // Go's protobuf refuses a file whose entries have other names: `protodesc.NewFile`, "incorrect implicit map entry name".
  it('gives the entries of maps the names that protoc gives them', () => {
    const maps = messagesBeside('inference.GRPCInferenceService').flatMap((message) => mapsOf(message));
    expect(maps.sort()).toEqual([
      'ModelInferRequest.InferInputTensor.parameters: ParametersEntry',
      'ModelInferRequest.InferRequestedOutputTensor.parameters: ParametersEntry',
      'ModelInferRequest.parameters: ParametersEntry',
      'ModelInferResponse.InferOutputTensor.parameters: ParametersEntry',
      'ModelInferResponse.parameters: ParametersEntry',
      'RepositoryModelLoadRequest.parameters: ParametersEntry',
      'RepositoryModelUnloadRequest.parameters: ParametersEntry',
    ]);
  });
});
