import { isAscii, isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { gunzip, inflate } from 'node:zlib';
import { badRequest, HttpError } from './http-error.js';
import type { BinaryPart } from '../oip/oip-input.js';
import { OverloadedError } from '../request-terms.js';
import type { ServedRequest } from '../served-request.js';

/** Deeper than any request that a route takes: tensors nest four levels. */
const maxNesting = 16;
/** However deep a body of this size is nested, it costs less than the requests around it. */
const harmlessBytes = 4096;
const binaryHeader = 'inference-header-content-length';

/** The client went away before its request was complete; nobody is there to answer. */
export class ClientGone extends Error {}

const inflaters: Readonly<Record<string, typeof gunzip>> = { gzip: gunzip, 'x-gzip': gunzip, deflate: inflate };

/** A body of JSON, and behind it the tensors that came as bytes. */
export interface TensorBody {
  readonly json: unknown;
  readonly binary?: BinaryPart;
}

/**
 * Read a request's body as JSON.
 *
 * @throws HttpError as `readJsonBytes` does, and 400 malformed or nested too deep
 */
export async function readJsonBody(request: ServedRequest, maxBytes: number): Promise<unknown> {
  return parseJson(await readJsonBytes(request, maxBytes));
}

/**
 * Read a request's body, which is to be JSON.
 *
 * @param maxBytes size of the body from which on it is refused, compressed and inflated
 * @throws at once, and later by its promise: HttpError 413 too large, 415 not JSON by its headers, 400 not compressed as they say
 */
export function readJsonBytes(request: ServedRequest, maxBytes: number): Promise<Buffer> {
  checkContentType(request);
  if (request.headers[binaryHeader] !== undefined) {
    throw new HttpError(415, 'Binary tensors are not taken at this path: send JSON, or use the Open Inference Protocol under /v2.');
  }
  return readBody(request, maxBytes);
}

/**
 * Read a request's body as JSON with or without binary tensors behind it.
 *
 * @throws HttpError as `readJsonBody` does, and 400 for a length of the JSON that does not fit the body
 */
export async function readTensorBody(request: ServedRequest, maxBytes: number): Promise<TensorBody> {
  const header = request.headers[binaryHeader];
  if (header === undefined) return { json: await readJsonBody(request, maxBytes) };
  const bytes = await readBody(request, maxBytes);
  const jsonBytes = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (!(jsonBytes <= bytes.length)) {
    throw badRequest('The header "Inference-Header-Content-Length" must be the number of bytes of JSON at the beginning of the body.');
  }
  return { json: parseJson(bytes.subarray(0, jsonBytes)), binary: { bytes: bytes.subarray(jsonBytes) } };
}

/**
 * Read a body that may be left out.
 *
 * @returns undefined when it is empty
 */
export async function readOptionalJsonBody(request: ServedRequest, maxBytes: number): Promise<unknown> {
  const bytes = await readBody(request, maxBytes);
  return bytes.length === 0 ? undefined : parseJson(bytes);
}

/** @throws HttpError 400 malformed or nested too deep */
export function parseJson(bytes: Buffer): unknown {
  // ASCII, which most bodies are, is copied instead of decoded.
  const encoding = isAscii(bytes) ? 'latin1' : 'utf8';
  if (encoding === 'utf8' && !isUtf8(bytes)) throw badRequest('The body is not valid UTF-8. Send JSON in UTF-8.');
  if (bytes.length > harmlessBytes) checkNesting(bytes);
  const text = bytes.toString(encoding);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body.
    const hint = /[[:,]\s*-?(?:NaN|Infinity)\b/.test(text) ? ' JSON has no NaN and no Infinity: send null for a missing value.' : '';
    throw badRequest(`The body is not valid JSON. Send one JSON object.${hint}`);
  }
}

function checkContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type !== undefined && type !== 'application/json' && !/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpError(415, 'The body must be JSON: send the header "Content-Type: application/json".');
  }
}

/** @throws at once, and later by its promise */
function readBody(request: ServedRequest, maxBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const read = readInflated(request, maxBytes);
  return request.isSurplus ? read.then(ofPriority) : read;
}

/** @throws OverloadedError for a body that has no priority over what waits already; whether it is enough, the queue decides */
function ofPriority(bytes: Buffer): Buffer {
  if (!bytes.includes('"priority"')) throw new OverloadedError();
  return bytes;
}

/** @throws at once, and later by its promise */
function readInflated(request: ServedRequest, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return readBytes(request, maxBytes);
  const inflater = Object.hasOwn(inflaters, encoding) ? inflaters[encoding] : undefined;
  if (!inflater) {
    throw new HttpError(415, 'A body may be compressed with gzip or deflate, and with nothing else.', {
      'accept-encoding': 'gzip, deflate',
    });
  }
  return readBytes(request, maxBytes).then((bytes) => inflateBody(inflater, bytes, maxBytes));
}

/** In a thread of libuv's pool, which stops at the limit: a small body may inflate to a thousand times its size. */
function inflateBody(inflater: typeof gunzip, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflater(bytes, { maxOutputLength: maxBytes }, (error, inflated) => {
      if (!error) resolve(inflated);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') reject(tooLarge(maxBytes));
      else reject(badRequest('The body is not compressed in the way that its "Content-Encoding" says.'));
    });
  });
}

function readBytes(request: ServedRequest, maxBytes: number): Promise<Buffer> {
  request.askForBody?.();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.byteLength;
      if (sizeBytes <= maxBytes) chunks.push(chunk);
      else {
        // What still comes is read and dropped: a client that is cut off while it writes would never see the answer.
        chunks.length = 0;
        reject(tooLarge(maxBytes));
      }
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    // Every request is closed in the end, also after an error, which Node tells to those who listen for it and to nobody else.
    request.on('close', () => {
      if (!request.complete) reject(new ClientGone());
    });
  });
}

/** Before it is parsed: millions of nested brackets would cost hundreds of megabytes. */
function checkNesting(bytes: Buffer): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxNesting)
        throw badRequest(`The JSON is nested more than ${maxNesting} levels deep, which no request needs. Send flat rows or tensors.`);
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError(413, `The body is larger than ${maxBytes} bytes, the most that this host takes. Send the rows in several requests.`);
}
