import type { ServerUnaryCall } from '@grpc/grpc-js';
import type { RequestTerms } from '../request-terms.js';
import { termsOfRequest } from '../http/terms-of-request.js';
import type { InferRequestMessage } from './infer-messages.js';
import type { Long } from './service-definition.js';

interface ParameterMessage {
  readonly bool_param?: boolean;
  readonly int64_param?: Long;
  readonly uint64_param?: Long;
  readonly string_param?: string;
}

/**
 * What a call wants beside its rows: gRPC's own deadline and cancellation, and the parameters `timeout` and `priority`.
 *
 * @throws HttpError 400
 */
export function termsOfCall(request: InferRequestMessage, call: ServerUnaryCall<InferRequestMessage, object>): RequestTerms {
  const { timeout, priority } = request.parameters as Readonly<Record<string, ParameterMessage>>;
  const asked = termsOfRequest({
    ...(timeout ? { timeout: plain(timeout) } : {}),
    ...(priority ? { priority: plain(priority) } : {}),
  });
  const deadline = call.getDeadline();
  const remainingMs = deadline instanceof Date ? deadline.getTime() - Date.now() : deadline - Date.now();
  const terms: RequestTerms = { ...asked, deadlineAt: Math.min(asked.deadlineAt, performance.now() + remainingMs) };
  call.on('cancelled', () => (terms.isCancelled = true));
  return terms;
}

function plain({ int64_param: signed, uint64_param: unsigned, string_param: text, bool_param: flag }: ParameterMessage): unknown {
  const integer = signed ?? unsigned;
  if (integer === undefined) return text ?? flag;
  return typeof integer === 'number' ? integer : integer.toNumber();
}
