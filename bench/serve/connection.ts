import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { BinaryBody } from './binary-tensors.js';

export interface LoadTarget {
  readonly port: number;
  readonly path: string;
  /** Sent in turn; text is JSON. */
  readonly bodies: readonly (string | BinaryBody)[];
}

export function httpRequest({ path, port }: LoadTarget, body: string | BinaryBody): Buffer {
  const { headers, bytes } = asBytes(body);
  const all = { host: `127.0.0.1:${port}`, ...headers, 'content-length': String(bytes.length) };
  const fields = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${fields.join('')}\r\n`), bytes]);
}

export function asBytes(body: string | BinaryBody): BinaryBody {
  return typeof body === 'string' ? { headers: { 'content-type': 'application/json' }, bytes: Buffer.from(body) } : body;
}

/** One kept-alive connection with one request at a time: as much of HTTP/1.1 as the servers under test answer with. */
export class Connection {
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #settle: ((status: number) => void) | undefined;

  constructor(private readonly port: number) {}

  /** @throws Error of the system when nobody listens */
  async open(): Promise<void> {
    const socket = this.#connected();
    if (socket.connecting) await once(socket, 'connect');
  }

  /** @returns the status, or 0 when the connection broke before the answer was there */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#connected().write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #connected(): Socket {
    if (this.#socket && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = connect(this.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket === socket) {
        this.#socket = undefined;
        this.#finish(0);
      }
    });
    this.#received = Buffer.alloc(0);
    return (this.#socket = socket);
  }

  #receive(chunk: Buffer): void {
    const received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    this.#received = received;
    const headerEnd = received.indexOf('\r\n\r\n');
    if (headerEnd < 0) return;
    const head = received.toString('latin1', 0, headerEnd).toLowerCase();
    const length = /content-length: *(\d+)/.exec(head);
    const isChunked = !length && head.includes('transfer-encoding: chunked');
    const isWhole = length
      ? received.length >= headerEnd + 4 + Number(length[1])
      : isChunked && received.toString('latin1', received.length - 5) === '0\r\n\r\n';
    if (!isWhole) return;
    this.#received = Buffer.alloc(0);
    if (head.includes('connection: close')) {
      const socket = this.#socket;
      this.#socket = undefined;
      socket?.destroy();
    }
    this.#finish(Number(head.slice(9, 12)));
  }

  #finish(status: number): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(status);
  }
}
