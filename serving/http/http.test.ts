import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyGolden, tinyGraph, tinyManifest, tinyProbability, writeTinyVersion, writeVersion } from '../testing/tiny-bundle.js';

const limits = { maxBodyBytes: 20_000, maxRows: 50, headersTimeoutMs: 400, requestTimeoutMs: 600 };
const row = { origin: 'SFO', date: '2001-06-15T17:30:00', distance: 100 };
const tensors = [
  { name: 'origin', shape: [2, 1], datatype: 'BYTES', data: ['SFO', 'JFK'] },
  { name: 'date', shape: [2], datatype: 'INT64', data: [992_626_200_000, '992626200000'] },
  { name: 'distance', shape: [2, 1], datatype: 'FP64', data: [[100], [-700]] },
];

describe('the HTTP interface of a serving process', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-http-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess(limits);
    await serving.stage('tiny', '1', writeTinyVersion(join(directory, '1'), { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    await serving.stage('tiny', '2', writeTinyVersion(join(directory, '2'), { bias: 1 }));
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  type Reply = { status: number; headers: Headers; body: Record<string, unknown> };
  async function call(path: string, init: RequestInit = {}): Promise<Reply> {
    const response = await fetch(serving.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const predict = (body: unknown, headers?: Record<string, string>) => post('/v1/models/tiny:predict', body, headers);
  const infer = (body: unknown) => post('/v2/models/tiny/infer', body);

  describe('rows', () => {
    it('answers with label and probabilities by class, and names the version', async () => {
      const rows = [row, { origin: null, date: 992_626_200_000, distance: -500, ignored: 1 }];
      const { status, body } = await predict({ instances: rows });
      expect(status).toBe(200);
      expect(body).toMatchObject({ model: 'tiny', version: '1', predictions: [{ label: 'late' }, { label: 'on-time' }] });
      (body.predictions as { probability: number; probabilities: Record<string, number> }[]).forEach(
        ({ probability, probabilities }, i) => {
          expect(probability).toBeCloseTo(tinyProbability({ bias: 0 }, rows[i]), 6);
          expect(probabilities).toEqual({ 'on-time': expect.closeTo(1 - probability, 6), late: probability });
        },
      );
    });

    it.each([1, 20])('names classes that are not ASCII as they are, in an answer of %d rows', async (rows) => {
      const classes = ['pünktlich', '遅い'];
      const files = writeVersion(join(directory, 'words'), tinyGraph({ bias: 0 }), { ...tinyManifest, classes }, tinyGolden({ bias: 0 }));
      await serving.stage('words', '1', files);
      await serving.command('activate', { model: 'words', version: '1', epoch: 1 });
      const { body } = await post('/v1/models/words:predict', { instances: Array.from({ length: rows }, () => row) });
      const predictions = body.predictions as { label: string; probabilities: Record<string, number> }[];
      expect(predictions.map(({ label }) => label)).toEqual(Array.from({ length: rows }, () => '遅い'));
      expect(Object.keys(predictions[rows - 1].probabilities)).toEqual(classes);
    });

    it('reaches a loaded version by its number', async () => {
      const { body } = await post('/v1/models/tiny/versions/2:predict', { instances: [row] });
      expect(body.version).toBe('2');
      expect((body.predictions as { probability: number }[])[0].probability).toBeCloseTo(tinyProbability({ bias: 1 }, row), 6);
    });

    it('names row and column of a value that does not fit, and repeats nothing of it', async () => {
      const { status, body } = await predict({ instances: [row, { ...row, distance: 'SECRET-VALUE' }] });
      expect(status).toBe(400);
      expect(body.error).toMatch(/Row 1: column "distance"/);
      expect(JSON.stringify(body)).not.toContain('SECRET');
    });

    it.each([
      ['no instances', {}, 'instances'],
      ['instances that are no array', { instances: { a: 1 } }, 'instances'],
      ['no rows', { instances: [] }, 'no rows'],
      ['too many rows', { instances: Array.from({ length: 51 }, () => ({})) }, 'more than 50'],
      ['a body that is an array', [row], 'JSON object'],
      ['a body that is null', 'null', 'JSON object'],
      ['malformed JSON', '{"instances": [', 'not valid JSON'],
      ['an empty body', '', 'not valid JSON'],
      [
        'NaN, as Python writes it',
        '{"instances": [{"origin": "SFO", "date": 0, "distance": NaN}]}',
        'JSON has no NaN and no Infinity: send null',
      ],
      ['deep nesting', '['.repeat(5000), 'nested'],
      ['a row that is text', { instances: ['x'] }, 'Row 0'],
    ])('refuses %s with 400', async (_name, body, message) => {
      const reply = await predict(body);
      expect(reply).toMatchObject({ status: 400, body: { error: expect.stringContaining(message) } });
    });

    it('does not count brackets inside of text as nesting', async () => {
      const { status } = await predict({ instances: [{ ...row, origin: `${'['.repeat(100)}"\\` }] });
      expect(status).toBe(200);
    });

    it('takes a key named __proto__ for a column that it does not know', async () => {
      const { status, body } = await predict(
        '{"instances":[{"__proto__":{"origin":"SFO"},"constructor":1,"date":0,"distance":1,"origin":"JFK"}],"__proto__":{"instances":[]}}',
      );
      expect(status).toBe(200);
      expect((body.predictions as { probability: number }[])[0].probability).toBeCloseTo(
        tinyProbability({ bias: 0 }, { origin: 'JFK', distance: 1 }),
        6,
      );
    });
  });

  it('names each request in its answer, by the id that it brought or a new one', async () => {
    const id = (given?: string) =>
      predict({ instances: [row] }, given === undefined ? {} : { 'x-request-id': given }).then(({ headers }) =>
        headers.get('x-request-id'),
      );
    expect(await id('abc-123')).toBe('abc-123');
    const made = [await id(), await id(), await id('not plain <b>'), await id('x'.repeat(200))];
    expect(new Set(made).size).toBe(4);
    for (const each of made) expect(each).toMatch(/^[\w-]{10,30}$/);
  });

  describe('Open Inference Protocol', () => {
    it('describes server, model and version', async () => {
      expect((await call('/v2')).body).toEqual({
        name: 'anneal',
        version: '2',
        extensions: ['binary_tensor_data', 'model_repository', 'schedule_policy'],
      });
      const expected = {
        name: 'tiny',
        versions: ['1', '2'],
        platform: 'onnx_onnxv1',
        inputs: [
          { name: 'origin', datatype: 'BYTES', shape: [-1, 1] },
          { name: 'date', datatype: 'INT64', shape: [-1, 1] },
          { name: 'distance', datatype: 'FP64', shape: [-1, 1] },
        ],
        outputs: [
          { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
          { name: 'class_index', datatype: 'INT64', shape: [-1, 1] },
        ],
      };
      expect((await call('/v2/models/tiny')).body).toEqual(expected);
      expect((await call('/v2/models/tiny/versions/2')).body).toEqual(expected);
    });

    it('is live and ready, as a server and by model', async () => {
      expect(await call('/v2/health/live')).toMatchObject({ status: 200, body: { live: true } });
      expect(await call('/v2/health/ready')).toMatchObject({ status: 200, body: { ready: true } });
      expect(await call('/v2/models/tiny/ready')).toMatchObject({ status: 200, body: { name: 'tiny', version: '1', ready: true } });
      expect((await call('/v2/models/tiny/versions/9/ready')).status).toBe(404);
    });

    it('infers on raw columns, flat or nested, and echoes id and parameters', async () => {
      const { status, body } = await infer({ id: 'r1', parameters: { a: 1 }, inputs: tensors });
      expect(status).toBe(200);
      expect(body).toMatchObject({ model_name: 'tiny', model_version: '1', id: 'r1', parameters: { a: 1 } });
      const [probabilities, classIndex] = body.outputs as { name: string; datatype: string; shape: number[]; data: number[] }[];
      expect(probabilities).toMatchObject({ name: 'probabilities', datatype: 'FP32', shape: [2, 2] });
      expect(probabilities.data[1]).toBeCloseTo(tinyProbability({ bias: 0 }, { origin: 'SFO', distance: 100 }), 6);
      expect(probabilities.data[3]).toBeCloseTo(tinyProbability({ bias: 0 }, { origin: 'JFK', distance: -700 }), 6);
      expect(classIndex).toEqual({ name: 'class_index', datatype: 'INT64', shape: [2, 1], data: [1, 0] });
    });

    it('gives only the outputs that were asked for', async () => {
      const { body } = await infer({ inputs: tensors, outputs: [{ name: 'class_index' }] });
      expect((body.outputs as { name: string }[]).map(({ name }) => name)).toEqual(['class_index']);
    });

    it('takes a nullable input that is left out, or null, for missing', async () => {
      const [, date, distance] = tensors;
      const without = await infer({ inputs: [date, distance] });
      const withNull = await infer({ inputs: [{ ...tensors[0], data: [null, null] }, date, distance] });
      expect(without.status).toBe(200);
      expect(without.body).toEqual(withNull.body);
    });

    it('takes integers as text, too, and refuses those that have lost digits or are no times', async () => {
      const dates = (data: unknown[]) => infer({ inputs: [tensors[0], { ...tensors[1], data }, tensors[2]] });
      expect((await dates(['8640000000000000', '-8640000000000000'])).status).toBe(200);
      for (const bad of [2 ** 53, '8640000000000001', '9223372036854775807', '9223372036854775808', '1e3', 1.5, true, null]) {
        expect(await dates([1, bad])).toMatchObject({ status: 400, body: { error: expect.stringContaining('Row 1 of the input "date"') } });
      }
    });

    it.each([
      ['no inputs', {}, '"inputs"'],
      ['an unknown input', { inputs: [{ ...tensors[0], name: 'SECRET' }] }, 'origin, date, distance'],
      ['an input twice', { inputs: [tensors[0], tensors[0]] }, 'twice'],
      ['a missing input', { inputs: [tensors[0]] }, '"date" is missing'],
      ['an input without a name', { inputs: [{ ...tensors[0], name: undefined }] }, 'Tensor 0 of "inputs" has no name'],
      ['a misspelt input', { inputs: [{ ...tensors[0], name: 'orgin' }] }, 'Did you mean "origin"? They are: origin, date, distance'],
      [
        'another datatype',
        { inputs: [{ ...tensors[0], datatype: 'FP32' }] },
        'BYTES, since its column is of the type string, but FP32 was sent',
      ],
      [
        'a datatype in small letters',
        { inputs: [tensors[0], { ...tensors[1], datatype: 'int64' }] },
        'Did you mean INT64? Taken as well: INT8',
      ],
      ["a datatype of one's own", { inputs: [{ ...tensors[0], datatype: 'SECRET' }] }, "what was sent is none of the protocol's"],
      ['no datatype', { inputs: [{ ...tensors[0], datatype: undefined }] }, 'but none was sent'],
      ['a value of another kind', { inputs: [{ ...tensors[0], data: ['SFO', 1] }] }, 'must be a string, or null, but an integer was sent'],
      ['a number that has lost digits', { inputs: [tensors[0], { ...tensors[1], data: [1, 2 ** 53] }] }, 'does not keep all digits'],
      ['another shape', { inputs: [{ ...tensors[0], shape: [1, 2] }] }, 'the shape [N] or [N, 1]'],
      ['a negative shape', { inputs: [{ ...tensors[0], shape: [-2] }] }, 'the shape'],
      ['fewer values than rows', { inputs: [{ ...tensors[0], data: ['SFO'] }] }, '1 values in "data"'],
      ['inputs of different lengths', { inputs: [tensors[0], { ...tensors[1], shape: [1], data: [1] }] }, 'as many rows'],
      ['no rows', { inputs: tensors.map((tensor) => ({ ...tensor, shape: [0], data: [] })) }, 'no rows'],
      ['an unknown output', { inputs: tensors, outputs: [{ name: 'SECRET' }] }, 'probabilities, class_index'],
      ['a misspelt output', { inputs: tensors, outputs: [{ name: 'class_index' }, { name: 'probabilites' }] }, 'Entry 1 of "outputs" has'],
      ['an output without a name', { inputs: tensors, outputs: ['class_index'] }, 'must be an array of {"name": …}'],
      ['an id that is a number', { id: 1, inputs: tensors }, '"id"'],
      ['nested parameters', { parameters: { a: {} }, inputs: tensors }, '"parameters"'],
    ])('refuses %s with 400', async (_name, body, message) => {
      const reply = await infer(body);
      expect(reply).toMatchObject({ status: 400, body: { error: expect.stringContaining(message) } });
      expect(reply.body.error).not.toContain('SECRET');
    });
  });

  describe('refusals', () => {
    it.each(['/', '/nope', '/v2/models/other', '/v2/models/tiny/versions/9', '/v1/models/tiny/versions/9', '/v2/models//infer'])(
      'knows no %s',
      async (path) => {
        expect(await call(path)).toMatchObject({ status: 404, body: { error: expect.any(String) } });
      },
    );

    it('says which models there are when it is asked for another', async () => {
      const { status, body } = await post('/v1/models/SECRET:predict', { instances: [row] });
      expect(status).toBe(404);
      expect(body.error).toContain('it serves tiny');
      expect(body.error).not.toContain('SECRET');
    });

    it('names the allowed method with 405', async () => {
      const { status, headers } = await call('/v1/models/tiny:predict');
      expect([status, headers.get('allow')]).toEqual([405, 'POST']);
      expect((await call('/v2', { method: 'DELETE' })).status).toBe(405);
    });

    it('refuses a path that is not a valid URL with 400', async () => {
      expect((await call('/v2/models/%ff')).status).toBe(400);
    });

    it('wants JSON by its headers', async () => {
      expect((await predict('a=b', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
      expect((await predict({}, { 'content-encoding': 'br' })).status).toBe(415);
      expect((await predict({ instances: [row] }, { 'content-type': 'application/json; charset=utf-8' })).status).toBe(200);
    });

    it('refuses text that is not UTF-8', async () => {
      const body = Buffer.concat([Buffer.from('{"instances":[{"origin":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}]}')]);
      const reply = await call('/v1/models/tiny:predict', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect(reply).toMatchObject({ status: 400, body: { error: expect.stringContaining('UTF-8') } });
    });

    it('refuses a body beyond the limit with 413, declared or streamed, and serves on', async () => {
      const large = JSON.stringify({ instances: [{ ...row, origin: 'x'.repeat(30_000) }] });
      expect((await predict(large)).status).toBe(413);
      const stream = new ReadableStream({
        start(controller) {
          for (let i = 0; i < 5; i++) controller.enqueue(Buffer.alloc(10_000, ' '));
          controller.close();
        },
      });
      const streamed = await call('/v1/models/tiny:predict', { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
      expect(streamed.status).toBe(413);
      expect((await predict({ instances: [row] })).status).toBe(200);
    });

    it('answers HEAD like GET, without a body', async () => {
      const { status, body } = await call('/v2', { method: 'HEAD' });
      expect([status, body]).toEqual([200, {}]);
    });

    it.each([
      ['headers', 'GET /v2 HTTP/1.1\r\nHost: x\r\n'],
      ['a body', 'POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"inst'],
    ])('cuts off a client that does not finish sending %s', async (_name, text) => {
      const answer = await raw(text);
      expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    });

    const headers = (more: string, length: number) =>
      `POST /v1/models/tiny:predict HTTP/1.1\r\n${more}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

    it('asks a client that waits for it to send its body, and answers', async () => {
      const body = JSON.stringify({ instances: [row] });
      const answer = await raw(headers('Host: x\r\nExpect: 100-continue\r\nConnection: close\r\n', body.length) + body);
      expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    });

    it('asks for no body that it refuses, and does not wait for it', async () => {
      const answer = await raw(headers('Host: x\r\nExpect: 100-continue\r\n', 30_000));
      expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/);
    });

    it.each([
      ['another expectation', 'Host: x\r\nExpect: miracles\r\n', 417, 'expectation'],
      ['no name of a host', '', 400, 'Host header'],
    ])('says what is wrong with %s', async (_what, more, expected, message) => {
      const answer = await raw(headers(`${more}Connection: close\r\n`, 2) + '{}');
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${expected} [^]*{"error":"[^"]*${message}`));
    });

    it('answers HTTP/1.0 without a host, whatever it expects', async () => {
      const body = JSON.stringify({ instances: [row] });
      const answer = await raw(headers('Expect: 100-continue\r\n', body.length).replace('1.1', '1.0') + body);
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    });

    it.each([[[]], ['timeout'], [5]])('refuses the parameters %j of a request, an input and an output', async (parameters) => {
      const date = { name: 'date', shape: [1, 1], datatype: 'INT64', data: [0] };
      const replies = [
        await predict({ instances: [row], parameters }),
        await infer({ inputs: [date], parameters }),
        await infer({ inputs: [{ ...date, parameters }] }),
        await infer({ inputs: [date], outputs: [{ name: 'probabilities', parameters }] }),
      ];
      for (const { status, body } of replies) {
        expect(status).toBe(400);
        expect(body.error).toMatch(/^The "parameters" of (a request|the input "date"|entry 0 of "outputs") must be an object/);
      }
    });

    it('answers what is not HTTP with 400', async () => {
      expect(await raw('\x16\x03\x01hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    });

    function raw(text: string): Promise<string> {
      return new Promise((resolve) => {
        let answer = '';
        const socket = connect(serving.port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (chunk) => (answer += String(chunk)));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(answer));
      });
    }
  });
});
