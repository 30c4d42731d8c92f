import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const sizeBytes = 4_000_000;
const body = Buffer.alloc(sizeBytes, ' ');
/** Longer than a host holds a connection of which nothing comes, and shorter than it holds one that is kept alive. */
const patienceMs = 6000;
const next = 'GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n';
const headers = (path: string, length: string) =>
  Buffer.from(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n\r\n`);
const declared = `Content-Length: ${sizeBytes}`;
const chunked = [Buffer.from(`${sizeBytes.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')];

describe('a body that is too large', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-drain-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess({ maxBodyBytes: 20_000 });
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What comes of a client that reads only once it has sent all, as most do, and how its connection ended. */
  function sendThenRead(pieces: readonly Buffer[], isKeptOpen = false): Promise<{ answer: string; error?: string; ms: number }> {
    return new Promise((resolve) => {
      let answer = '';
      let error: string | undefined;
      const startedAt = performance.now();
      const socket = connect({ port: serving.port, host: '127.0.0.1', allowHalfOpen: isKeptOpen });
      socket.pause();
      socket.on('data', (chunk) => (answer += String(chunk)));
      socket.on('error', (failure: NodeJS.ErrnoException) => (error = failure.code));
      socket.on('end', () => socket.end());
      const impatience = setTimeout(() => socket.destroy(Object.assign(new Error('The connection stays.'), { code: 'STAYS' })), patienceMs);
      socket.on('close', () => {
        clearTimeout(impatience);
        resolve({ answer, ...(error === undefined ? {} : { error }), ms: performance.now() - startedAt });
      });
      // Slower than the answer comes.
      const send = ([piece, ...rest]: readonly Buffer[]): void => {
        if (!piece) return void socket.resume();
        socket.write(piece, () => setTimeout(send, 30, rest));
      };
      send(pieces);
    });
  }

  it.each([
    ['with its length', [headers('/v1/models/tiny:predict', declared), body], 413],
    ['in chunks', [headers('/v2/models/tiny/infer', 'Transfer-Encoding: chunked'), ...chunked], 413],
    ['and is refused for its path', [headers('/v1/nothing', declared), body], 404],
  ])('%s is answered to a client that sends all of it first, and its connection closed', async (_what, pieces, status) => {
    const halves = pieces.flatMap((piece) => [piece.subarray(0, piece.length / 2), piece.subarray(piece.length / 2)]);
    const { answer, error } = await sendThenRead([...halves, Buffer.from(next)]);
    expect(error).toBeUndefined();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: close\\r\\n[^]*{"error":"[^"]+"}$`, 'i'));
  });

  it('does not hold the connection of a client that sends no more', async () => {
    const { answer, error, ms } = await sendThenRead([headers('/v1/models/tiny:predict', declared), body.subarray(0, 1000)], true);
    expect(error).toBeUndefined();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(ms).toBeLessThan(4000);
  });
});
