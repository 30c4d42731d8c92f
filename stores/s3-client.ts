import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

export interface S3Settings {
  /** Address of an S3-compatible service, e.g. `http://minio:9000`; default: AWS. Buckets are then part of the path, not of the host name. */
  readonly endpoint?: string;
  /** Default: what AWS's variables and profiles say; beside an endpoint of one's own `us-east-1`, which such services do not look at. */
  readonly region?: string;
}

/** A request is tried this often: connections that break, throttling, 5xx. */
const maxAttempts = 5;
const connectMs = 5_000;
/** A connection on which nothing moves for so long is given up. */
const idleMs = 60_000;

/**
 * A client of S3 or of a service that speaks its protocol. Makes no request yet.
 *
 * Credentials come from AWS's own chain: variables, profiles, SSO, web identity, container and instance roles.
 */
export function createS3Client({ endpoint, region }: S3Settings): S3Client {
  const config: S3ClientConfig = {
    maxAttempts,
    followRegionRedirects: true,
    requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs },
  };
  const ownRegion = region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return new S3Client({
    ...config,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(ownRegion === undefined ? {} : { region: ownRegion }),
  });
}
