import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { writeTinyVersion } from '../testing/tiny-bundle.js';

const body = JSON.stringify({ instances: [{ origin: 'SFO', date: 0, distance: 1 }] });
const size = body.length.toString(16);
const chunks = `${size}\r\n${body}\r\n0\r\n\r\n`;
const host = 'Host: x\r\n';
const length = `Content-Length: ${body.length}\r\n`;
const coding = 'Transfer-Encoding: chunked\r\n';

/** A request for a prediction with these headers, and what follows them. */
const request = (headers: string, follows = body, version = '1.1') =>
  `POST /v1/models/tiny:predict HTTP/${version}\r\nContent-Type: application/json\r\n${headers}\r\n${follows}`;
/** Behind a request whose end two readers may see in different places: it must not be answered. */
const smuggled = 'GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

describe('where a request ends', () => {
  const directory = mkdtempSync(`${tmpdir()}/anneal-framing-`);
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess();
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Every answer on one connection, until it is closed or nothing comes any more. */
  function answers(text: string): Promise<{ statuses: number[]; text: string }> {
    return new Promise((resolve) => {
      let received = '';
      const socket = connect(serving.port, '127.0.0.1', () => socket.write(text, 'latin1'));
      socket.setTimeout(500, () => socket.destroy());
      socket.on('data', (chunk) => (received += String(chunk)));
      socket.on('error', () => undefined);
      socket.on('close', () =>
        resolve({ statuses: [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)), text: received }),
      );
    });
  }

  it.each([
    ['a length', request(host + length)],
    ['chunks', request(host + coding, chunks)],
    ['chunks with an extension', request(host + coding, `${size};a=b\r\n${body}\r\n0\r\n\r\n`)],
    ['a port in its Host', request(`Host: [::1]:8080\r\n${length}`)],
    ['an empty Host', request(`Host:\r\n${length}`)],
    ['HTTP/1.0', request(length, body, '1.0')],
    ['the whole address', request(host + length).replace('/v1', 'http://elsewhere:1/v1')],
  ])('is answered with %s', async (_what, text) => {
    expect((await answers(text)).statuses).toEqual([200]);
  });

  it.each([
    ['two Hosts', `${host}Host: y\r\n${length}`, body, 400],
    ['the same Host twice', host + host + length, body, 400],
    ['a Host that is none', `Host: a b\r\n${length}`, body, 400],
    ['another transfer coding as well', `${host}Transfer-Encoding: gzip, chunked\r\n`, chunks, 501],
    ['a version that is none of ours', host + length, body, 505, '2.0'],
    ['chunks in HTTP/1.0', host + coding, chunks, 400, '1.0'],
    ['two types', `${host}Content-Type: text/plain\r\n${length}`, body, 415],
  ])('is refused in a sentence with %s', async (_what, headers, follows, expected, version = '1.1') => {
    const { statuses, text } = await answers(request(headers, follows, version));
    expect(statuses).toEqual([expected]);
    expect(text).toMatch(/\r\n\r\n\{"error":"[^"]+/);
  });

  it.each([
    ['two lengths', `${host}${length}Content-Length: 3\r\n`],
    ['the same length twice', host + length + length],
    ['a list of lengths', `${host}Content-Length: ${body.length}, ${body.length}\r\n`],
    ['a length with a sign', `${host}Content-Length: +${body.length}\r\n`],
    ['a length in hexadecimal', `${host}Content-Length: 0x${size}\r\n`],
    ['a length beyond 64 bits', `${host}Content-Length: 99999999999999999999\r\n`],
    ['no digits of a length', `${host}Content-Length:\r\n`],
    ['a length and chunks', host + length + coding, chunks],
    ['chunks and a length', host + coding + length, chunks],
    ['chunks twice', host + coding + coding, chunks],
    ['chunks that are not the last coding', `${host}Transfer-Encoding: chunked, identity\r\n`, chunks],
    ['no chunks', `${host}Transfer-Encoding: identity\r\n`],
    ['a coding like chunks', `${host}Transfer-Encoding: xchunked\r\n`, chunks],
    ['a header over two lines', `${host}X-A: b\r\n c\r\n${length}`],
    ['a coding on the next line', `${host}Transfer-Encoding:\r\n chunked\r\n`, chunks],
    ['a space before the colon of a length', `${host}Content-Length : ${body.length}\r\n`],
    ['a space before the colon of a coding', `${host}Transfer-Encoding : chunked\r\n`, chunks],
    ['a space in the name of a header', `${host}X Y: z\r\n${length}`],
    ['a header without a colon', `${host}XY\r\n${length}`],
    ['a line that LF alone ends', `${host}X-A: b\n${length}`],
    ['a CR inside of a value', `${host}X-A: b\rContent-Length: 3\r\n${length}`],
    ['a NUL inside of a value', `${host}X-A: b\0c\r\n${length}`],
    ['a size of a chunk in C', host + coding, `0x${chunks}`],
    ['a size of a chunk that LF alone ends', host + coding, chunks.replace('\r\n', '\n')],
    ['an extension of a chunk that LF alone ends', host + coding, chunks.replace('\r\n', ';a\n')],
    ['more in a chunk than it says', host + coding, `5\r\n${body}\r\n0\r\n\r\n`],
    ['a length behind the chunks', host + coding, chunks.replace(/\r\n$/, 'Content-Length: 4\r\n\r\n')],
  ])('is refused, and nothing behind it answered, with %s', async (_what, headers, follows = body) => {
    const { statuses } = await answers(request(headers, follows) + smuggled);
    expect(statuses.length).toBeGreaterThan(0);
    for (const status of statuses) expect([400, 501]).toContain(status);
  });
});
