import type { ServerUnaryCall } from '@grpc/grpc-js';
import type { RequestTerms } from '../request-terms.js';
import { termsOfRequest } from '../http/terms-of-request.js';
import type { InferRequestMessage } from './infer-messages.js';
import type { Long } from './service-definition.js';

/** Which field holds the value is said by `parameter_choice` alone: fields that were not sent read as zero, false or empty. */
interface ParameterMessage {
  readonly parameter_choice?: 'bool_param' | 'int64_param' | 'uint64_param' | 'string_param' | 'double_param';
  readonly bool_param: boolean;
  readonly int64_param: Long;
  readonly uint64_param: Long;
  readonly string_param: string;
  readonly double_param: number;
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

/** The value as JSON would have it; undefined for a parameter without one. */
function plain(parameter: ParameterMessage): unknown {
  const value = parameter.parameter_choice === undefined ? undefined : parameter[parameter.parameter_choice];
  return typeof value === 'object' ? value.toNumber() : value;
}
