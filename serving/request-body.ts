import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { badRequest, HttpError } from './http-error.js';

/** Deeper than any request that a route takes: tensors nest four levels. */
const maxNesting = 16;

/** The client went away before its request was complete; nobody is there to answer. */
export class ClientGone extends Error {}

/**
 * Read a request's body as JSON.
 *
 * @param maxBytes size of the body from which on it is refused, unread
 * @throws HttpError 413 too large, 415 not JSON by its headers, 400 malformed or nested too deep
 */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  checkHeaders(request, maxBytes);
  const bytes = await readBytes(request, maxBytes);
  if (!isUtf8(bytes)) throw badRequest('The body is not valid UTF-8. Send JSON in UTF-8.');
  checkNesting(bytes);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The parser's own message quotes the body.
    throw badRequest('The body is not valid JSON. Send one JSON object.');
  }
}

function checkHeaders(request: IncomingMessage, maxBytes: number): void {
  const type = request.headers['content-type'];
  if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) {
    throw new HttpError(415, 'The body must be JSON: send the header "Content-Type: application/json".');
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpError(415, 'Compressed bodies are not taken: send the JSON as it is, without Content-Encoding.');
  }
  if (request.headers['inference-header-content-length'] !== undefined) {
    throw new HttpError(415, 'Binary tensors are not taken: send every tensor as JSON in "data".');
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
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
    request.on('error', () => reject(new ClientGone()));
    request.on('close', () => reject(new ClientGone()));
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
