import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inferenceServiceName } from '../grpc/grpc-server.js';
import { loadService } from '../grpc/service-definition.js';
import { makeCertificates } from '../testing/certificates.js';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const access = [
  { name: 'operators', sha256: sha256('wide-token'), models: '*' },
  { name: 'a team', sha256: sha256('narrow-token'), models: ['other'] },
] as const;
const body = JSON.stringify({ instances: [{ origin: 'SFO', date: 0, distance: 1 }] });
const inference = loadService('./inference.proto', inferenceServiceName);

type Serving = Awaited<ReturnType<typeof startServingProcess>>;
async function withTiny(directory: string, ...options: Parameters<typeof startServingProcess>): Promise<Serving> {
  const serving = await startServingProcess(...options);
  await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
  await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
  return serving;
}

describe('a host with tokens', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-tokens-'));
  let serving: Serving;
  beforeAll(async () => {
    serving = await withTiny(directory, { maxConnections: 20 }, [], { access });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const predict = async (path: string, token?: string) => {
    const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: token }) };
    const response = await fetch(serving.url + path, {
      method: path.endsWith(':predict') ? 'POST' : 'GET',
      headers,
      ...(path.endsWith(':predict') ? { body } : {}),
    });
    return { status: response.status, text: await response.text(), challenge: response.headers.get('www-authenticate') };
  };

  it.each([
    ['no token', undefined, 401],
    ['a token that it does not know', 'Bearer other-token', 401],
    ['the digest instead of the token', `Bearer ${access[0].sha256}`, 401],
    ['another scheme', 'Basic wide-token', 401],
    ['an empty token', 'Bearer ', 401],
    ['a token for other models', 'Bearer narrow-token', 403],
    ['a token for all models', 'Bearer wide-token', 200],
    ['the scheme in lower case', 'bearer wide-token', 200],
  ])('answers to %s', async (_name, token, expected) => {
    const { status: found, text, challenge } = await predict('/v1/models/tiny:predict', token);
    expect(found).toBe(expected);
    expect(challenge).toBe(expected === 401 ? 'Bearer' : null);
    expect(text).not.toContain('other-token');
    expect((await predict('/v1/models/tiny/labels/champion:predict', token)).status).toBe(expected);
    expect((await predict('/v2/models/tiny', token)).status).toBe(expected);
    for (const path of ['', '/tiny', '/tiny/versions/1', '/tiny/labels/champion'])
      expect((await predict(`/v1/models${path}`, token)).status).toBe(expected);
    expect((await predict('/metrics', token)).status).toBe(expected);
  });

  it('says nothing of models that a token is not for, and wants none for health', async () => {
    const [existing, invented] = [
      await predict('/v1/models/tiny:predict', 'Bearer narrow-token'),
      await predict('/v1/models/nothing:predict', 'Bearer narrow-token'),
    ];
    expect(existing).toEqual(invented);
    expect((await predict('/v1/models/other:predict', 'Bearer narrow-token')).status).toBe(404);
    expect((await predict('/v1/models/nothing', 'Bearer narrow-token')).status).toBe(403);
    expect((await predict('/v1/models/other', 'Bearer narrow-token')).status).toBe(404);
    expect((await predict('/v2/health/live')).status).toBe(200);
    expect((await predict('/v2/health/ready')).status).toBe(200);
  });

  it('wants tokens over gRPC as well', async () => {
    const client = new Client(serving.grpcAddress, credentials.createInsecure());
    const ask = (method: string, message: object, token?: string) =>
      new Promise<number>((resolve) => {
        const metadata = new Metadata();
        if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
        const { path, requestSerialize, responseDeserialize } = inference[method];
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, metadata, (error: ServiceError | null) =>
          resolve(error?.code ?? status.OK),
        );
      });
    for (const [method, message] of [
      ['ModelInfer', { model_name: 'tiny' }],
      ['ModelMetadata', { name: 'tiny' }],
      ['RepositoryIndex', {}],
    ] as const) {
      expect(await ask(method, message)).toBe(status.UNAUTHENTICATED);
      expect(await ask(method, message, 'narrow-token')).toBe(status.PERMISSION_DENIED);
    }
    expect(await ask('ModelMetadata', { name: 'tiny' }, 'wide-token')).toBe(status.OK);
    expect(await ask('ServerReady', {})).toBe(status.OK);
    client.close();
  });

  it('asks for other tokens as soon as it is told of them, on connections that are open', async () => {
    const path = '/v1/models/tiny:predict';
    expect((await predict(path, 'Bearer wide-token')).status).toBe(200);
    await serving.command('protect', { access: [{ name: 'new', sha256: sha256('new-token'), models: '*' }], isCurrent: true });
    expect((await predict(path, 'Bearer wide-token')).status).toBe(401);
    expect((await predict(path, 'Bearer new-token')).status).toBe(200);
    expect((await predict('/metrics', 'Bearer new-token')).text).toContain('anneal_protection_current 1\n');
    await serving.command('protect', { access, isCurrent: false });
    expect((await predict('/metrics', 'Bearer wide-token')).text).toContain('anneal_protection_current 0\n');
    await serving.command('protect', { access, isCurrent: true });
  });

  it('closes connections beyond its limit and serves those that it has', async () => {
    const sockets = await Promise.all(
      Array.from(
        { length: 40 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(serving.port, '127.0.0.1', () => resolve(socket));
            socket.on('error', () => undefined);
          }),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const open = sockets.filter((socket) => !socket.destroyed && socket.readyState === 'open').length;
    for (const socket of sockets) socket.destroy();
    expect(open).toBeLessThanOrEqual(20);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await predict('/v1/models/tiny:predict', 'Bearer wide-token')).status).toBe(200);
  });
});

describe('a host with certificates', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-tls-'));
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  let serving: Serving;
  beforeAll(async () => {
    makeCertificates(directory);
    const tls = { certificate: read('server.pem'), key: read('server.key'), clientAuthority: read('ca.pem') };
    serving = await withTiny(directory, { headersTimeoutMs: 600 }, [], { tls });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const ask = (options: RequestOptions) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const target = { host: '127.0.0.1', port: serving.port, path: '/v1/models/tiny:predict', method: 'POST', headers, agent: false };
      const sent = request({ ...target, ca: read('ca.pem'), ...options }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', reject);
      sent.end(body);
    });

  it('answers clients with a certificate of its authority, over HTTP and gRPC, and no others', async () => {
    const identity = { cert: read('client.pem'), key: read('client.key') };
    expect(await ask(identity)).toBe(200);
    await expect(ask({})).rejects.toThrow();
    await expect(ask({ ...identity, ca: read('client.pem') })).rejects.toThrow();
    const live = (channel: ReturnType<typeof credentials.createSsl>) =>
      new Promise<boolean>((resolve) => {
        const client = new Client(serving.grpcAddress, channel);
        client.waitForReady(Date.now() + 2000, (error) => {
          client.close();
          resolve(!error);
        });
      });
    const pem = (name: string) => Buffer.from(read(name));
    expect(await live(credentials.createSsl(pem('ca.pem'), pem('client.key'), pem('client.pem')))).toBe(true);
    expect(await live(credentials.createInsecure())).toBe(false);
  });

  it('shows a new certificate to who connects from then on, over HTTP and gRPC, and goes on with who is connected', async () => {
    const others = mkdtempSync(join(tmpdir(), 'anneal-tls-'));
    makeCertificates(others);
    const other = (name: string) => readFileSync(join(others, name), 'utf8');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const identity = { cert: read('client.pem'), key: read('client.key') };
    const grpcOf = (from: (name: string) => string) => {
      const [ca, key, certificate] = ['ca.pem', 'client.key', 'client.pem'].map((name) => Buffer.from(from(name)));
      return new Client(serving.grpcAddress, credentials.createSsl(ca, key, certificate), { 'grpc.use_local_subchannel_pool': 1 });
    };
    const isReady = (client: Client) =>
      new Promise<boolean>((resolve) => client.waitForReady(Date.now() + 2000, (error) => resolve(!error)));
    const before = grpcOf(read);
    const after = grpcOf(other);
    const stale = grpcOf(read);
    const isLive = (client: Client) =>
      new Promise<boolean>((resolve) => {
        const { path, requestSerialize, responseDeserialize } = inference.ServerLive;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error) => resolve(!error));
      });
    try {
      expect(await ask({ ...identity, agent })).toBe(200);
      expect(await isLive(before)).toBe(true);
      const tls = { certificate: other('server.pem'), key: other('server.key'), clientAuthority: other('ca.pem') };
      await serving.command('protect', { tls, isCurrent: true });
      expect(await ask({ ...identity, agent })).toBe(200);
      expect(await isLive(before)).toBe(true);
      await expect(ask(identity)).rejects.toThrow();
      expect(await isReady(stale)).toBe(false);
      expect(await ask({ cert: other('client.pem'), key: other('client.key'), ca: other('ca.pem') })).toBe(200);
      // The authority of clients is another one, too.
      await expect(ask({ ...identity, ca: other('ca.pem') })).rejects.toThrow();
      expect(await isReady(after)).toBe(true);
      const held = { certificate: read('server.pem'), key: read('server.key'), clientAuthority: read('ca.pem') };
      await serving.command('protect', { tls: held, isCurrent: true });
      expect(await ask(identity)).toBe(200);
    } finally {
      for (const client of [before, after, stale]) client.close();
      agent.destroy();
      rmSync(others, { recursive: true, force: true });
    }
  });

  it('lets go of a client that speaks no TLS', async () => {
    const socket = connect(serving.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    expect(await ask({ cert: read('client.pem'), key: read('client.key') })).toBe(200);
  });

  it('cuts off who never finishes the handshake, and lets nobody wait for it', async () => {
    const identity = { cert: read('client.pem'), key: read('client.key') };
    // The first bytes of a ClientHello that promises 512 more, from half of them.
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]);
    const openedAt = performance.now();
    const silent = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(serving.port, '127.0.0.1', () => i % 2 === 0 && socket.write(hello));
      socket.on('error', () => undefined);
      socket.resume();
      return new Promise<number>((resolve) => socket.on('close', () => resolve(performance.now() - openedAt)));
    });
    let answered = 0;
    const asking = (async () => {
      while (performance.now() - openedAt < 500) if ((await ask(identity)) === 200) answered++;
    })();
    const closedAfterMs = await Promise.all(silent);
    await asking;
    expect(answered).toBeGreaterThan(3);
    // Not at once: it had its time. The timer of a busy machine is late.
    expect(Math.min(...closedAfterMs)).toBeGreaterThan(500);
    expect(Math.max(...closedAfterMs)).toBeLessThan(5000);
  });
});

describe('a client that stops reading its answers', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-unread-'));
  let serving: Serving;
  beforeAll(async () => {
    serving = await withTiny(directory, { answerTimeoutMs: 300 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is cut off, and others are answered', async () => {
    const rows = JSON.stringify({ instances: Array.from({ length: 2000 }, () => ({ origin: 'SFO', date: 0, distance: 1 })) });
    const head = 'POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const message = `${head}Content-Length: ${rows.length}\r\n\r\n${rows}`;
    const whole = await fetch(`${serving.url}/v1/models/tiny:predict`, {
      method: 'POST',
      body: rows,
      headers: { 'content-type': 'application/json' },
    });
    const answerBytes = (await whole.arrayBuffer()).byteLength;
    const requests = 200;
    const socket = connect(serving.port, '127.0.0.1');
    socket.on('error', () => undefined);
    let receivedBytes = 0;
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    for (let i = 0; i < requests; i++) socket.write(message);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    socket.on('data', (chunk) => (receivedBytes += chunk.length));
    await closed;
    expect(receivedBytes).toBeLessThan((requests * answerBytes) / 2);
    expect((await fetch(`${serving.url}/v2/health/ready`)).status).toBe(200);
  });
});
