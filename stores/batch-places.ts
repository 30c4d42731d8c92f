import type { S3Client } from '@aws-sdk/client-s3';
import type { BatchPlace } from '../contracts/batch-place.js';
import { LocalBatchPlace } from '../ml/batch/local-batch-place.js';
import type { S3Settings } from './s3-client.js';

/** @returns the place of a job's output: of `s3://…` a prefix in S3, else a folder. The client of S3 is loaded when it is needed first. */
export function batchPlaces(settings: S3Settings, scratchRoot: string): (uri: string) => Promise<BatchPlace> {
  let client: Promise<S3Client> | undefined;
  return async (uri) => {
    if (!uri.startsWith('s3://')) return new LocalBatchPlace(uri);
    client ??= import('./s3-client.js').then(({ createS3Client }) => createS3Client(settings));
    const { S3BatchPlace } = await import('./s3-batch-place.js');
    return new S3BatchPlace(uri, await client, scratchRoot);
  };
}
