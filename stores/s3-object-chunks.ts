import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { setTimeout as sleep } from 'node:timers/promises';
import { s3FailureKind } from './s3-failure.js';
import type { S3Location } from './s3-uri.js';

/** Breaks in a row without a byte in between. */
const maxBreaks = 5;
const firstPauseMs = 100;

/**
 * The content of an object, in order. A transfer that breaks off goes on where it stopped; the client itself only retries until
 * the first byte.
 *
 * @throws the client's error; a plain Error when the object was replaced meanwhile: another attempt reads the new one whole
 */
export async function* s3ObjectChunks(client: S3Client, location: S3Location, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let position = 0;
  let etag: string | undefined;
  for (let breaks = 0; ;) {
    const { body, total, tag } = await request(client, location, position, etag, signal);
    etag ??= tag;
    try {
      for await (const chunk of body) {
        position += chunk.byteLength;
        breaks = 0;
        yield chunk;
      }
      if (total === undefined || position >= total) return;
      throw new Error(`the transfer ended after ${position} of ${total} bytes`);
    } catch (error) {
      signal?.throwIfAborted();
      breaks += 1;
      if (breaks >= maxBreaks) throw error;
      await sleep(firstPauseMs * 2 ** (breaks - 1), undefined, { signal });
    }
  }
}

async function request(
  client: S3Client,
  { bucket, key }: S3Location,
  from: number,
  etag: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly body: AsyncIterable<Uint8Array>; readonly total?: number; readonly tag?: string }> {
  const rest = from === 0 ? {} : { Range: `bytes=${from}-`, IfMatch: etag };
  try {
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...rest }), { abortSignal: signal });
    const total = answer.ContentLength === undefined ? undefined : from + answer.ContentLength;
    return { body: answer.Body as AsyncIterable<Uint8Array> & typeof answer.Body, total, tag: answer.ETag };
  } catch (error) {
    if (from > 0 && (error as { readonly name?: string }).name === 'PreconditionFailed')
      throw new Error(`The object s3://${bucket}/${key} was replaced while it was read. Try again.`, { cause: error });
    // The bytes so far belong to what is gone: nothing is to be kept of them.
    if (from > 0 && s3FailureKind(error) === 'missing')
      throw new Error(`The object s3://${bucket}/${key} was removed while it was read.`, { cause: error });
    throw error;
  }
}
