import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { S3Location } from './s3-uri.js';

/** Larger objects are uploaded in parts, some at a time, each of which is tried again by itself. */
const partBytes = 16 << 20;
const partsAtOnce = 4;
/** S3 takes 10,000 parts of one object. */
const maxParts = 9_000;

/**
 * Make a local file an object, which is seen once it is whole. Its metadata say its digest.
 *
 * @throws the client's error
 */
export async function uploadToS3(
  client: S3Client,
  { bucket, key }: S3Location,
  path: string,
  { sha256, sizeBytes }: { readonly sha256: string; readonly sizeBytes: number },
): Promise<void> {
  const target = { Bucket: bucket, Key: key, Metadata: { sha256 } };
  if (sizeBytes <= partBytes) {
    // The service compares the digest with what has arrived.
    const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
    await client.send(new PutObjectCommand({ ...target, Body: await readFile(path), ChecksumSHA256 }));
    return;
  }
  const stream = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    const partSize = Math.max(partBytes, Math.ceil(sizeBytes / maxParts));
    await new Upload({ client, params: { ...target, Body: stream }, partSize, queueSize: partsAtOnce }).done();
  } finally {
    stream.destroy();
  }
}
