import { type AddressInfo, connect, createServer } from 'node:net';
import { CommandError, usageError } from '../command-error.js';

export interface PortNeed {
  readonly port: number;
  readonly host: string;
  /** What will listen there, for people. */
  readonly what: string;
  /** Environment variable that sets it. */
  readonly variable: string;
}

/** Ports at which serving processes answer whose supervisors, the host's and the stack's, were killed. */
export interface InheritedPorts {
  readonly http: number;
  readonly grpc: number;
}

/**
 * Make sure that every port can be listened on, before anything is started.
 *
 * @param inherited ports that may be taken, since those who listen there will free them
 * @throws CommandError that names the port and the variable to set
 */
export async function requireFreePorts(needs: readonly PortNeed[], inherited?: InheritedPorts): Promise<void> {
  for (const [index, need] of needs.entries()) {
    if (need.port === 0)
      throw usageError(`${need.variable} is 0, which is not a port for ${need.what}. Set it to a free port from 1 to 65535.`);
    const twin = needs.slice(0, index).find(({ port }) => port === need.port);
    if (twin) {
      throw usageError(
        `${twin.variable} and ${need.variable} are both ${need.port}, but ${twin.what} and ${need.what} cannot share a port. Set one of them to another port.`,
      );
    }
  }
  const toBeFree = needs.filter(({ port }) => port !== inherited?.http && port !== inherited?.grpc);
  const taken = await Promise.all(toBeFree.map(async (need) => ((await isPortTaken(need.port, need.host)) ? need : undefined)));
  const first = taken.find((need) => need !== undefined);
  if (!first) return;
  throw new CommandError(
    `Port ${first.port} is taken by another program, and ${first.what} needs it. Stop that program, or set ${first.variable} to a free port (for example ${first.variable}=${suggestion(first.port, needs)}) and start again. If it is another Anneal stack, give this one its own ANNEAL_HOME as well.`,
  );
}

function suggestion(port: number, needs: readonly PortNeed[]): number {
  let candidate = port < 65_000 ? port + 100 : port - 100;
  while (needs.some((need) => need.port === candidate)) candidate++;
  return candidate;
}

/** Whether somebody listens on the port, or it cannot be bound. */
export async function isPortTaken(port: number, host: string): Promise<boolean> {
  const wildcard = host === '0.0.0.0' || host === '::';
  return (await accepts(port, wildcard ? '127.0.0.1' : host)) || !(await canListen(port, host));
}

/** @returns whether a TCP connection is accepted within a second */
export function accepts(port: number, host: string, timeoutMs = 1000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host, timeout: timeoutMs });
    const settle = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

/** @returns a port that nobody listens on at the moment; 0 where none can be had, as of an address that is not this machine's */
export function unusedPort(host: string): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(0));
    server.listen({ port: 0, host }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
