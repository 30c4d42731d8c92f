import type { IncomingMessage, ServerResponse } from 'node:http';

/** A client that has read the answer closes the connection, and one that has not still sends. */
const idleMs = 1000;
/** As long as somebody may go on sending what is not wanted. */
const longestMs = 10_000;

/**
 * End a response whose bytes are written, and its connection, once the client has stopped to send its request: what it sends until then is
 * read and dropped. Were the connection closed at once, the bytes that nobody reads would make the system reset it, and most clients read
 * the answer only when they have sent all.
 *
 * Call it where the answer says "Connection: close" and its length. The connection ends after a second in which nothing came, and after
 * ten in any case.
 */
export function endAfterDrain(request: IncomingMessage, response: ServerResponse): void {
  const end = (): void => {
    clearTimeout(idle);
    clearTimeout(longest);
    if (!response.writableEnded) response.end();
  };
  const idle = setTimeout(end, idleMs);
  const longest = setTimeout(end, longestMs);
  request.on('data', () => idle.refresh());
  request.once('end', end);
  request.once('close', end);
}
