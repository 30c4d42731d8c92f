import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { MlflowClient } from 'mlflow-ts-client';
import { readSettings } from '../workers/settings.js';
import { askRegistry } from './registry.js';
import { identifyProcess } from './stack/process-identity.js';
import { stackSettings, writeStackState } from './stack/stack-state.js';

const get = (client: MlflowClient) => client.versions.get('m', '1').then((found) => found?.version);

describe('askRegistry', () => {
  let home: string;
  let server: Server;
  let notes: string[];
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'anneal-registry-'));
    server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end('{"model_version": {"name": "m", "version": "1"}}');
    });
    notes = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      if (String(text).includes('MLflow')) notes.push(String(text));
      return true;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
    server.close();
    rmSync(home, { recursive: true, force: true });
  });

  /** A port on which nobody listens. */
  async function freePort(): Promise<number> {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    await new Promise((resolve) => taken.close(resolve));
    return port;
  }

  /** Settings of a command beside a stack that this process stands for. */
  function besideStack(env: Readonly<Record<string, string>>) {
    const settings = readSettings({ ANNEAL_HOME: home, ...env });
    writeStackState(home, {
      formatVersion: 1,
      supervisor: identifyProcess(process.pid)!,
      detached: false,
      startedAtMs: 1,
      ready: true,
      services: [],
      settings: stackSettings(settings),
      httpUrl: 'http://127.0.0.1:1',
    });
    return settings;
  }

  it('waits for the MLflow of a stack that runs, and says so once', async () => {
    const port = await freePort();
    const asked = askRegistry(besideStack({ ANNEAL_MLFLOW_PORT: String(port) }), get);
    setTimeout(() => server.listen(port, '127.0.0.1'), 1200);
    expect(await asked).toBe('1');
    expect(notes).toEqual([
      expect.stringMatching(/^MLflow does not answer at \S+ yet; the stack runs and starts it again\. Waiting up to 40 s\./),
    ]);
  });

  it('says where to look when that one does not come back', async () => {
    const settings = besideStack({ ANNEAL_MLFLOW_PORT: String(await freePort()) });
    const message = /The stack runs and keeps starting it: "anneal status" .*mlflow\.log/;
    await expect(askRegistry(settings, get, 300)).rejects.toThrow(message);
  });

  it('says at once to start the stack where none runs, and the server where it is one of its own', async () => {
    const port = await freePort();
    await expect(askRegistry(readSettings({ ANNEAL_HOME: home, ANNEAL_MLFLOW_PORT: String(port) }), get)).rejects.toThrow('"anneal up"');
    const external = besideStack({ MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}` });
    await expect(askRegistry(external, get)).rejects.toThrow(/MLFLOW_TRACKING_URI names that server: start it/);
    expect(notes).toEqual([]);
  });
});
