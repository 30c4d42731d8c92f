import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { exitCodes } from '../command-error.js';
import { isPortTaken, requireFreePorts, type PortNeed } from './ports.js';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(host = '127.0.0.1'): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const port = await listen();
  await new Promise((resolve) => servers.pop()!.close(resolve));
  return port;
}

const need = (port: number, variable = 'ANNEAL_MLFLOW_PORT'): PortNeed => ({ port, host: '127.0.0.1', what: "MLflow's server", variable });

describe('requireFreePorts', () => {
  test('accepts ports that nobody listens on', async () => {
    await expect(requireFreePorts([need(await freePort())])).resolves.toBeUndefined();
  });

  test('names the port, who needs it and the variable to set', async () => {
    const port = await listen();
    await expect(requireFreePorts([need(await freePort()), need(port, 'ANNEAL_HTTP_PORT')])).rejects.toMatchObject({
      exitCode: exitCodes.failed,
      message: expect.stringMatching(new RegExp(`^Port ${port} is taken.*MLflow's server needs it.*set ANNEAL_HTTP_PORT to a free port`)),
    });
  });

  test('refuses one port for two servers before anything is tried', async () => {
    const port = await freePort();
    await expect(requireFreePorts([need(port, 'ANNEAL_MLFLOW_PORT'), need(port, 'ANNEAL_HTTP_PORT')])).rejects.toThrow(
      `ANNEAL_MLFLOW_PORT and ANNEAL_HTTP_PORT are both ${port}`,
    );
  });

  test('refuses port 0, which nobody could find', async () => {
    await expect(requireFreePorts([need(0)])).rejects.toMatchObject({ exitCode: exitCodes.usage });
  });
});

describe('isPortTaken', () => {
  test('sees a server that listens on every interface', async () => {
    expect(await isPortTaken(await listen('0.0.0.0'), '127.0.0.1')).toBe(true);
  });
});
