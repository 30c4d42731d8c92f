/** MLflow's own codes that callers usually ask for, and those of this client; MLflow has more. */
export type MlflowErrorCode =
  | 'RESOURCE_DOES_NOT_EXIST'
  | 'RESOURCE_ALREADY_EXISTS'
  | 'INVALID_PARAMETER_VALUE'
  | 'INVALID_STATE'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'TEMPORARILY_UNAVAILABLE'
  | 'INTERNAL_ERROR'
  /** No connection: the server is down, or the address is wrong. */
  | 'UNREACHABLE'
  /** No complete answer within `timeoutMs`. */
  | 'TIMEOUT'
  /** An answer that is not MLflow's: a proxy, another server, a refused Host header. */
  | 'UNEXPECTED_RESPONSE'
  | (string & {});

export interface MlflowErrorInit {
  readonly errorCode: MlflowErrorCode;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  /** Method and address of the request, without credentials. */
  readonly request: string;
  readonly cause?: unknown;
}

/** Why a request to MLflow failed. */
export class MlflowError extends Error {
  readonly errorCode: MlflowErrorCode;
  readonly status: number | undefined;
  readonly request: string;

  constructor(message: string, { errorCode, status, request, cause }: MlflowErrorInit) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MlflowError';
    this.errorCode = errorCode;
    this.status = status;
    this.request = request;
  }

  /** Whether the same request may succeed later: no answer, 429, or a failure of the server's own. */
  get isTransient(): boolean {
    if (this.status === undefined) return true;
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Whether `error` is an `MlflowError` with one of the codes. */
export function isMlflowError(error: unknown, ...codes: readonly MlflowErrorCode[]): error is MlflowError {
  return error instanceof MlflowError && (codes.length === 0 || codes.includes(error.errorCode));
}

/** For `.catch`: a resource that does not exist becomes `undefined`, any other error is thrown on. */
export function undefinedWhenAbsent(error: unknown): undefined {
  if (isMlflowError(error, 'RESOURCE_DOES_NOT_EXIST')) return undefined;
  throw error;
}
