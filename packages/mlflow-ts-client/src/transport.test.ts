import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MlflowClient } from './client.js';
import type { MlflowClientOptions } from './transport.js';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization?: string;
}

describe('requests to a server', () => {
  let server: Server;
  let seen: Seen[];
  let answers: ((request: IncomingMessage, response: ServerResponse) => void)[];

  beforeEach(async () => {
    seen = [];
    answers = [];
    server = createServer((request, response) => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', authorization: request.headers.authorization });
      request.resume();
      const answer = answers.length > 1 ? answers.shift()! : answers[0];
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  function client(options: Partial<MlflowClientOptions> = {}): MlflowClient {
    const { port } = server.address() as AddressInfo;
    return new MlflowClient({ trackingUri: `http://127.0.0.1:${port}/base/`, backoffMs: 1, ...options });
  }

  const fails = (status: number, body: object | string) => (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  const experiment = fails(200, { experiment: { experiment_id: '7', name: 'x' } });

  test('are tried again after 429, 503 and a broken connection when they are safe to repeat', async () => {
    answers = [fails(429, { error_code: 'RESOURCE_EXHAUSTED' }), fails(503, 'busy'), (request) => request.socket.destroy(), experiment];
    expect((await client().experiments.getByName('x'))?.experimentId).toBe('7');
    expect(seen).toHaveLength(4);
  });

  test('are sent once when repeating could make a second resource', async () => {
    answers = [fails(503, { error_code: 'TEMPORARILY_UNAVAILABLE', message: 'busy' }), fails(200, { experiment_id: '1' })];
    await expect(client().experiments.create({ name: 'x' })).rejects.toMatchObject({
      errorCode: 'TEMPORARILY_UNAVAILABLE',
      status: 503,
      isTransient: true,
    });
    expect(seen).toHaveLength(1);
  });

  test('are given up after the last attempt, with the error of that one', async () => {
    answers = [fails(500, { error_code: 'INTERNAL_ERROR', message: 'no disk' })];
    await expect(client({ maxAttempts: 3 }).runs.get('r')).rejects.toMatchObject({
      errorCode: 'INTERNAL_ERROR',
      message: expect.stringContaining('no disk'),
    });
    expect(seen).toHaveLength(3);
  });

  test('are not tried again when the server refuses them', async () => {
    answers = [fails(400, { error_code: 'INVALID_PARAMETER_VALUE', message: 'bad' })];
    await expect(client().runs.get('r')).rejects.toMatchObject({ errorCode: 'INVALID_PARAMETER_VALUE', status: 400, isTransient: false });
    expect(seen).toHaveLength(1);
  });

  test('carry names in encoded form below the path of the tracking address', async () => {
    answers = [experiment];
    await client().experiments.getByName('a b/ü&c=1');
    expect(seen[0].url).toBe('/base/api/2.0/mlflow/experiments/get-by-name?experiment_name=a+b%2F%C3%BC%26c%3D1');
    answers = [fails(200, {})];
    await client().artifacts.uploadBytes('mlflow-artifacts:/1/r/artifacts', 'my dir/a#b?.txt', 'x');
    expect(seen[1]).toMatchObject({ method: 'PUT', url: '/base/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/my%20dir/a%23b%3F.txt' });
  });

  test('carry a token, or a user name and password', async () => {
    answers = [experiment];
    await client({ auth: { token: 't0ken' } }).experiments.getByName('x');
    await client({ auth: { username: 'ann', password: 'pä:ss' } }).experiments.getByName('x');
    await client().experiments.getByName('x');
    expect(seen.map((request) => request.authorization)).toEqual([
      'Bearer t0ken',
      `Basic ${Buffer.from('ann:pä:ss').toString('base64')}`,
      undefined,
    ]);
  });

  test('end after the timeout, also when only the body never ends', async () => {
    answers = [(_request, response) => void response.writeHead(200).write('{"experiment":')];
    await expect(client({ timeoutMs: 100, maxAttempts: 2 }).experiments.getByName('x')).rejects.toMatchObject({
      errorCode: 'TIMEOUT',
      isTransient: true,
    });
    expect(seen).toHaveLength(2);
  });

  test('end when the caller aborts, and are not tried again', async () => {
    const abort = new AbortController();
    answers = [() => abort.abort(new Error('cancelled by the caller'))];
    await expect(client().withSignal(abort.signal).experiments.getByName('x')).rejects.toThrow('cancelled by the caller');
    expect(seen).toHaveLength(1);
  });

  test('tell an answer that is not from MLflow by its text', async () => {
    answers = [fails(403, 'Invalid Host header - possible DNS rebinding attack detected')];
    await expect(client().experiments.getByName('x')).rejects.toMatchObject({
      errorCode: 'UNEXPECTED_RESPONSE',
      status: 403,
      message: expect.stringMatching(/Invalid Host header.*--allowed-hosts/),
    });
    answers = [fails(200, '<html>some portal</html>')];
    await expect(client().experiments.getByName('x')).rejects.toMatchObject({ errorCode: 'UNEXPECTED_RESPONSE', status: 200 });
  });

  test('do not follow a redirect, which could carry the credentials elsewhere', async () => {
    answers = [(_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()];
    await expect(client({ maxAttempts: 1 }).experiments.getByName('x')).rejects.toMatchObject({ errorCode: 'UNREACHABLE' });
  });
});

test('a server that is not there is told by its address', async () => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  const client = new MlflowClient({ trackingUri: `http://127.0.0.1:${port}`, backoffMs: 1 });
  await expect(client.runs.get('r')).rejects.toMatchObject({
    errorCode: 'UNREACHABLE',
    status: undefined,
    isTransient: true,
    message: expect.stringMatching(new RegExp(`could not be reached at http://127\\.0\\.0\\.1:${port} \\(.*ECONNREFUSED`)),
  });
});

test.each(['sqlite:///mlflow.db', 'localhost:5000', '', 'http://ann:secret@127.0.0.1:5000'])(
  '%j is refused as an address',
  (trackingUri) => {
    expect(() => new MlflowClient({ trackingUri })).toThrow(TypeError);
    expect(() => new MlflowClient({ trackingUri })).not.toThrow('secret');
  },
);
