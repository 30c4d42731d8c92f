import { describe, expect, it } from '@jest/globals';
import type { ServerUnaryCall } from '@grpc/grpc-js';
import { inferenceServiceName } from './grpc-server.js';
import type { InferRequestMessage } from './infer-messages.js';
import { loadService } from './service-definition.js';
import { termsOfCall } from './terms-of-call.js';

const { ModelInfer } = loadService('./inference.proto', inferenceServiceName);
const call = { getDeadline: () => Number.POSITIVE_INFINITY, on: () => undefined } as unknown as ServerUnaryCall<
  InferRequestMessage,
  object
>;
/** Of a request that went through the wire format. */
const termsOf = (parameters: object) =>
  termsOfCall(ModelInfer.requestDeserialize(ModelInfer.requestSerialize({ parameters })) as InferRequestMessage, call);

describe('termsOfCall', () => {
  it.each([{ int64_param: 5_000_000 }, { uint64_param: 5_000_000 }, { string_param: '5000000' }, { double_param: 5e6 }])(
    'takes the timeout %j',
    (timeout) => {
      const waitMs = termsOf({ timeout }).deadlineAt - performance.now();
      expect(waitMs).toBeGreaterThan(4500);
      expect(waitMs).toBeLessThanOrEqual(5000);
    },
  );

  it.each([{ int64_param: 0 }, { string_param: '0' }, {}])('takes the timeout %j for none', (timeout) => {
    expect(termsOf({ timeout }).deadlineAt).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [{ int64_param: 1 }, 'high'],
    [{ uint64_param: 3 }, 'low'],
    [{ string_param: '1' }, 'high'],
  ])('takes the priority %j as %s', (priority, expected) => {
    expect(termsOf({ priority }).priority).toBe(expected);
  });

  it.each([
    { string_param: 'soon' },
    { string_param: '' },
    { string_param: '-5' },
    { string_param: '1.5' },
    { bool_param: false },
    { bool_param: true },
    { double_param: 1.5 },
    { double_param: Number.NaN },
    { int64_param: -1 },
    { int64_param: 3_600_000_001 },
  ])('refuses %j, naming the parameter', (value) => {
    const refused = (name: string) =>
      expect.objectContaining({ status: 400, message: expect.stringContaining(`The parameter "${name}" is`) });
    expect(() => termsOf({ timeout: value })).toThrow(refused('timeout'));
    if (value.int64_param !== 3_600_000_001) expect(() => termsOf({ priority: value })).toThrow(refused('priority'));
  });
});
