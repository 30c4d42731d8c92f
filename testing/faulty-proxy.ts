import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request: it passes, it is answered with a status, or its connection breaks after so many bytes of the answer. */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'reset'; readonly afterBytes: number };

/** An HTTP proxy before a real server that breaks what a test tells it to. */
export class FaultyProxy {
  readonly requests: { readonly method: string; readonly path: string; readonly range?: string }[] = [];
  /** Asked for each request, which waits for the answer. */
  fault: (request: IncomingMessage) => Fault | Promise<Fault> = () => ({ kind: 'none' });
  readonly #server: Server;
  readonly #target: URL;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, answer) => void this.#handle(incoming, answer));
  }

  static async open(target: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = incoming;
    this.requests.push({ method, path, range: headers.range });
    const fault = await this.fault(incoming);
    if (fault.kind === 'status') {
      incoming.resume().once('end', () => answer.writeHead(fault.status).end());
      return;
    }
    const { hostname, port } = this.#target;
    // The host's name stays as the client signed it.
    const outgoing = request({ hostname, port, method, path, headers }, (upstream) => {
      answer.writeHead(upstream.statusCode ?? 502, upstream.headers);
      let left = fault.kind === 'reset' ? fault.afterBytes : Infinity;
      upstream.on('data', (chunk: Buffer) => {
        answer.write(chunk.subarray(0, Math.min(left, chunk.length)), () => left <= 0 && answer.socket?.resetAndDestroy());
        left -= chunk.length;
      });
      upstream.on('end', () => left > 0 && answer.end());
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  }
}
