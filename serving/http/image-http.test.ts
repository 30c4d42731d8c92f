import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startServingProcess } from '../testing/serving-process.js';
import { lightBytes as bytes, lightGolden, writeLightVersion } from '../testing/light-bundle.js';

const base64 = lightGolden.instances[0].picture;

describe('a served model of images', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-images-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess({ maxBodyBytes: 200_000, maxRows: 5000, headersTimeoutMs: 2000, requestTimeoutMs: 5000 });
    await serving.stage('light', '1', writeLightVersion(directory));
    await serving.command('activate', { model: 'light', version: '1', epoch: 1 });
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
    const isBytes = body instanceof Uint8Array;
    const response = await fetch(serving.url + path, {
      method: 'POST',
      headers: { 'content-type': isBytes ? 'application/octet-stream' : 'application/json', ...headers },
      body: isBytes ? Buffer.from(body) : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const predict = (...pictures: unknown[]) => post('/v1/models/light:predict', { instances: pictures.map((picture) => ({ picture })) });
  const infer = (tensor: object) => post('/v2/models/light/infer', { inputs: [{ name: 'picture', ...tensor }] });
  const outputOf = (reply: { body: Record<string, unknown> }) => (reply.body.outputs as { data: number[] }[])[0].data;

  it.each([
    [
      'rows of numbers of the column’s range',
      [
        [1, 0, 0],
        [0, 0, 0.2],
      ],
    ],
    [
      'pixels in arrays of their channels',
      [
        [[1], [0], [0]],
        [[0], [0], [0.2]],
      ],
    ],
    ['a flat array', [1, 0, 0, 0, 0, 0.2]],
    ['base64 of the bytes', base64],
  ])('takes rows as %s', async (_name, picture) => {
    const { status, body } = await predict(picture, [0, 0, 0, 0, 0, 0]);
    expect(status).toBe(200);
    expect(body.predictions).toEqual([{ value: expect.closeTo(3, 5) }, { value: 0 }]);
  });

  it.each([
    ['a number beyond the range', [1, 0, 0, 0, 0, 1.01]],
    ['too few numbers', [1, 0, 0]],
    [
      'a row of another length',
      [
        [1, 0, 0],
        [0, 0],
      ],
    ],
    ['text among the numbers', [1, 0, 0, 0, 0, '0']],
    ['base64 of other bytes', 'AAAA'],
    ['text', 'not an image'],
    ['null', null],
  ])('refuses %s, and says what an image is', async (_name, picture) => {
    const { status, body } = await predict(base64, picture);
    expect(status).toBe(400);
    expect(body.error).toMatch(
      /Row 1: column "picture" must be an image: an array \[2\]\[3\].*6 numbers from 0 to 1, or base64 of 6 bytes or of a PNG or JPEG file/,
    );
  });

  it.each(['png', 'jpeg'] as const)('takes a %s file as base64, stretched to its size, and refuses a broken one', async (format) => {
    const white = sharp({ create: { width: 30, height: 20, channels: 3, background: '#ffffff' } });
    const file = await white[format]().toBuffer();
    const { body } = await predict(file.toString('base64'));
    expect(body.predictions).toEqual([{ value: expect.closeTo(11, 1) }]);
    const broken = await predict(file.subarray(0, file.length >> 1).toString('base64'));
    expect(broken).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('Row 0: column "picture" is base64 of an image file') },
    });
  });

  it('describes its input, and takes tensors of bytes or of floats in every shape that holds an image', async () => {
    const metadata = (await (await fetch(`${serving.url}/v2/models/light`)).json()) as { inputs: unknown };
    expect(metadata.inputs).toEqual([{ name: 'picture', datatype: 'UINT8', shape: [-1, 2, 3, 1] }]);
    for (const each of [
      [1, 2, 3, 1],
      [1, 2, 3],
      [1, 6],
    ]) {
      expect(outputOf(await infer({ datatype: 'UINT8', shape: each, data: [...bytes] }))[0]).toBeCloseTo(3, 5);
      expect(outputOf(await infer({ datatype: 'FP32', shape: each, data: [1, 0, 0, 0, 0, 0.2] }))[0]).toBeCloseTo(3, 5);
    }
    const nested = await infer({
      datatype: 'UINT8',
      shape: [1, 2, 3, 1],
      data: [
        [
          [[255], [1], [2]],
          [[3], [4], [51]],
        ],
      ],
    });
    expect(outputOf(nested)[0]).toBeCloseTo(3, 5);
  });

  it.each([
    ['another shape', { datatype: 'UINT8', shape: [1, 3, 2, 1], data: [...bytes] }, '[N, 2, 3, 1] or [N, 2, 3] or [N, 6]'],
    ['a byte too many', { datatype: 'UINT8', shape: [1, 6], data: [...bytes, 0] }, 'has 7 values'],
    ['a byte of 256', { datatype: 'UINT8', shape: [1, 6], data: [256, 0, 0, 0, 0, 0] }, 'numbers from 0 to 255'],
    ['a float beyond the range', { datatype: 'FP32', shape: [1, 6], data: [2, 0, 0, 0, 0, 0] }, 'numbers from 0 to 1'],
    ['text', { datatype: 'BYTES', shape: [1], data: ['x'] }, 'datatype UINT8'],
  ])('refuses a tensor with %s', async (_name, tensor, message) => {
    expect(await infer(tensor)).toMatchObject({ status: 400, body: { error: expect.stringContaining(message) } });
  });

  it('takes many images as one binary tensor, and answers each', async () => {
    const rows = 3000;
    const pictures = new Uint8Array(rows * 6);
    for (let row = 0; row < rows; row++) pictures[row * 6 + 5] = row % 256;
    const header = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'picture', datatype: 'UINT8', shape: [rows, 2, 3, 1], parameters: { binary_data_size: pictures.length } }],
      }),
    );
    const reply = await post('/v2/models/light/infer', Buffer.concat([header, pictures]), {
      'inference-header-content-length': String(header.length),
    });
    expect(reply.status).toBe(200);
    outputOf(reply).forEach((value, row) => expect(value).toBeCloseTo((10 * (row % 256)) / 255, 4));
  });

  it('answers requests that arrive together each with its own images', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => predict([i / 20, 0, 0, 0, 0, 0])));
    answers.forEach(({ body }, i) => {
      const [{ value }] = body.predictions as { value: number }[];
      expect(value).toBeCloseTo(Math.round((i / 20) * 255) / 255, 5);
    });
  });
});
