import type { S3ServiceException } from '@aws-sdk/client-s3';

export type S3FailureKind = 'missing' | 'noBucket' | 'denied' | 'noCredentials' | 'noRegion' | 'unreachable' | 'other';

const codes: Readonly<Record<string, S3FailureKind>> = {
  NoSuchKey: 'missing',
  NotFound: 'missing',
  NoSuchBucket: 'noBucket',
  AccessDenied: 'denied',
  Forbidden: 'denied',
  InvalidAccessKeyId: 'denied',
  SignatureDoesNotMatch: 'denied',
  ExpiredToken: 'denied',
  InvalidToken: 'denied',
  CredentialsProviderError: 'noCredentials',
  PermanentRedirect: 'noRegion',
  AuthorizationHeaderMalformed: 'noRegion',
  IllegalLocationConstraintException: 'noRegion',
};

/** Of the system and of TLS; the client at times keeps one in the text of its own error alone. */
const networkCode =
  /\b(ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|CERT_[A-Z_]+|DEPTH_ZERO_[A-Z_]+|UNABLE_TO_[A-Z_]+|ERR_TLS_[A-Z_]+)\b/;

/** What went wrong, in the terms of the person who can mend it. */
export function s3FailureKind(error: unknown): S3FailureKind {
  const { name, message, code, $metadata } = error as Partial<S3ServiceException> & { readonly code?: string };
  if (name !== undefined && Object.hasOwn(codes, name)) return codes[name];
  // HEAD has no body that could say more.
  if ($metadata?.httpStatusCode === 403) return 'denied';
  if ($metadata?.httpStatusCode === 404) return 'missing';
  if ($metadata?.httpStatusCode === 301) return 'noRegion';
  if (/region is missing/i.test(message ?? '')) return 'noRegion';
  if (name === 'TimeoutError' || networkCode.test(`${code} ${message}`)) return 'unreachable';
  return 'other';
}

const advice: Readonly<Record<S3FailureKind, string>> = {
  missing: 'there is no such object. Check the name.',
  noBucket: 'there is no such bucket. Make it, or correct its name.',
  denied:
    'access was denied. Check that the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the machine) are valid and may list the bucket, and read, write and delete in it.',
  noCredentials: 'there are no credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role.',
  noRegion: "the region is not known or is not the bucket's. Set AWS_REGION to the region of the bucket.",
  unreachable: 'the service cannot be reached. Check the network, and AWS_ENDPOINT_URL_S3 if the service is not that of AWS.',
  other: 'the request failed. It is tried again; if that does not help, see what the service says.',
};

/** One sentence about the failure and one about what to do, then the service's own words. */
export function explainS3Failure(error: unknown): string {
  return `${advice[s3FailureKind(error)]} (${serviceWords(error)})`;
}

function serviceWords(error: unknown): string {
  const { name, message, code, $metadata } = error as Partial<S3ServiceException> & { readonly code?: string };
  const status = $metadata?.httpStatusCode === undefined ? '' : `HTTP ${$metadata.httpStatusCode}, `;
  // The name of an object that only HEAD was asked for says it all.
  const text = !message || message === name || message === 'UnknownError' ? '' : `: ${message.split('\n', 1)[0]}`;
  return `${status}${code ?? (name === 'Error' ? undefined : name) ?? 'error'}${text}`;
}
