import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { makeCertificates } from '../../serving/testing/certificates.js';
import { startServingProcess } from '../../serving/testing/serving-process.js';
import { writeTinyVersion } from '../../serving/testing/tiny-bundle.js';
import { grpcHealth } from './grpc-health.js';
import { hostPlaces } from './host-places.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-health-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('tells a host that serves from one that does not yet, from something else that listens, and from nothing', async () => {
  const serving = await startServingProcess();
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  try {
    expect(await grpcHealth(serving.grpcAddress, {}, false)).toEqual({ answers: true, ready: false });
    await serving.stage('tiny', '3', writeTinyVersion(join(directory, 'tiny'), { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '3', epoch: 1 });
    expect(await grpcHealth(serving.grpcAddress, {}, false)).toEqual({ answers: true, ready: true });
    expect(await grpcHealth(address, {}, false)).toEqual({ answers: false });
    // It gives a host that a busy machine lets wait up, so that a status comes soon.
    let places = await hostPlaces(serving.url, {});
    for (let i = 0; !places && i < 20; i++) places = await hostPlaces(serving.url, {});
    expect(places).toEqual([
      { pid: serving.child.pid, versions: [expect.objectContaining({ model: 'tiny', version: '3', isActive: true, state: 'up' })] },
    ]);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await serving.stop();
  }
  expect(await grpcHealth(serving.grpcAddress, {}, false)).toEqual({ answers: false });
});

test('asks over TLS, and says why a host cannot be asked', async () => {
  makeCertificates(directory);
  const [certificate, key] = ['server.pem', 'server.key'].map((name) => readFileSync(join(directory, name), 'utf8'));
  const serving = await startServingProcess({}, [], { tls: { certificate, key } });
  try {
    expect(await grpcHealth(serving.grpcAddress, { authority: join(directory, 'ca.pem') }, true)).toEqual({ answers: true, ready: false });
    const metrics = await serving.command('metrics', null);
    const [expiry] = metrics.find(({ name }) => name === 'anneal_tls_certificate_expires_seconds')!.values;
    // It was made for two days.
    expect(Math.abs(expiry.value * 1000 - Date.now() - 2 * 24 * 60 * 60 * 1000)).toBeLessThan(120_000);
    const { answers, problem } = await grpcHealth(serving.grpcAddress, {}, true);
    expect(answers).toBe(false);
    expect(problem).toMatch(/cannot be asked over gRPC at [\d.:]+: (?!No connection)[^.]*certificate[^.]*\.$/);
  } finally {
    await serving.stop();
  }
});
