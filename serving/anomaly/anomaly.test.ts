import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { GoldenOutputs } from '../../contracts/model.js';
import type { ServingSpec } from '../../contracts/pipeline.js';
import type { PredictResult } from '../../contracts/serving.js';
import { inferenceServiceName } from '../grpc/grpc-server.js';
import { loadService } from '../grpc/service-definition.js';
import { prepareVersion } from '../loader/prepare-version.js';
import { scoredRows, writeScoredVersion } from '../testing/scored-bundle.js';
import { startServingProcess } from '../testing/serving-process.js';
import { writeVersion } from '../testing/tiny-bundle.js';

type Row = (typeof scoredRows)[keyof typeof scoredRows]['row'];

const { ordinary, unusual, unseen, far, both } = scoredRows;
const all = Object.values(scoredRows);
const inference = loadService('./inference.proto', inferenceServiceName);

describe('rows that are unlike the training rows', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-anomaly-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let client: Client;
  let epoch = 0;

  async function promote(name: string, seed: number, spec?: ServingSpec, isScored = true): Promise<void> {
    await serving.stage(name, '1', await writeScoredVersion(join(directory, name), seed, spec, isScored));
    await serving.command('activate', { model: name, version: '1', epoch: ++epoch });
  }
  beforeAll(async () => {
    serving = await startServingProcess();
    client = new Client(serving.grpcAddress, credentials.createInsecure());
    await promote('plain', 0);
    await promote('older', 0, undefined, false);
    await promote('small', 5);
    await promote('flagging', 0, { anomaly: { policy: 'flag', threshold: 0.9 } });
    await promote('careful', 0, { degrade: { fallbackModel: 'small', prior: true }, anomaly: { policy: 'fallback', threshold: 0.9 } });
    await promote('cautious', 0, { degrade: { prior: true }, anomaly: { policy: 'fallback', threshold: 0.9 } });
    await promote('strict', 0, { anomaly: { policy: 'reject', threshold: 0.75 } });
  });
  afterAll(async () => {
    client.close();
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function post(path: string, body: unknown) {
    const response = await fetch(serving.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as PredictResult & { error?: string } };
  }
  const predict = (model: string, rows: readonly object[]) => post(`/v1/models/${model}:predict`, { instances: rows });
  const inputsOf = (rows: readonly Row[]) => [
    { name: 'origin', shape: [rows.length], datatype: 'BYTES', data: rows.map(({ origin }) => origin) },
    { name: 'date', shape: [rows.length], datatype: 'INT64', data: rows.map(({ date }) => Date.parse(date)) },
    { name: 'distance', shape: [rows.length], datatype: 'FP64', data: rows.map(({ distance }) => distance) },
  ];
  async function infer(model: string, rows: readonly Row[], more: object = {}) {
    const { body, ...others } = await post(`/v2/models/${model}/infer`, { inputs: inputsOf(rows), ...more });
    return { ...others, body: body as unknown as { parameters?: object; error?: string; outputs: { name: string; data: number[] }[] } };
  }
  const grpc = (model: string, rows: readonly Row[]) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const contents = [
        { bytes_contents: rows.map(({ origin }) => Buffer.from(origin)) },
        { int64_contents: rows.map(({ date }) => Date.parse(date)) },
        { fp64_contents: rows.map(({ distance }) => distance ?? Number.NaN) },
      ];
      const inputs = inputsOf(rows).map(({ name, shape, datatype }, i) => ({ name, shape, datatype, contents: contents[i] }));
      const { path, requestSerialize, responseDeserialize } = inference.ModelInfer;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { model_name: model, inputs }, (error, response) =>
        error ? reject(error) : resolve(response as Record<string, unknown>),
      );
    });
  async function metric(line: string): Promise<number> {
    const text = await (await fetch(`${serving.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((each) => each.startsWith(`${line} `))
        ?.slice(line.length) ?? 0,
    );
  }

  it('are scored in the answer of every protocol, and nothing is marked without a policy', async () => {
    const { body, headers } = await predict(
      'plain',
      all.map(({ row }) => row),
    );
    expect(body.predictions.map(({ anomaly }) => anomaly)).toEqual(all.map(({ anomaly }) => anomaly));
    expect(body).not.toHaveProperty('anomalous');
    expect(headers.get('x-anneal-anomalous')).toBeNull();
    const tensors = await infer(
      'plain',
      all.map(({ row }) => row),
    );
    expect(tensors.body.outputs.map(({ name }) => name)).toEqual(['probabilities', 'class_index', 'anomaly']);
    expect(tensors.body.outputs[2]).toMatchObject({ datatype: 'FP32', shape: [5, 1], data: all.map(({ anomaly }) => anomaly) });
    expect(tensors.body).not.toHaveProperty('parameters');
    const only = await infer('plain', [far.row], { outputs: [{ name: 'class_index' }] });
    expect(only.body.outputs.map(({ name }) => name)).toEqual(['class_index']);
    const { outputs } = await grpc('plain', [far.row, ordinary.row]);
    expect(outputs).toMatchObject([{}, {}, { name: 'anomaly', datatype: 'FP32', contents: { fp32_contents: [0.9375, 0.125] } }]);
    const metadata = (await (await fetch(`${serving.url}/v2/models/plain`)).json()) as object;
    expect(metadata).toMatchObject({ outputs: [{}, {}, { name: 'anomaly', datatype: 'FP32', shape: [-1, 1] }] });
  });

  it('change nothing of a version from before rows were scored', async () => {
    const { body } = await predict('older', [far.row]);
    expect(Object.keys(body.predictions[0])).toEqual(['label', 'probability', 'probabilities']);
    expect((await infer('older', [far.row])).body.outputs.map(({ name }) => name)).toEqual(['probabilities', 'class_index']);
    const scored = await predict('plain', [far.row]);
    expect(body.predictions[0].probability).toBe(scored.body.predictions[0].probability);
  });

  it('are told by position, in a header and in a parameter where the policy is to flag them', async () => {
    const rows = [ordinary.row, far.row, unseen.row, both.row];
    const { status: code, body, headers } = await predict('flagging', rows);
    expect([code, body.anomalous, headers.get('x-anneal-anomalous')]).toEqual([200, [1, 3], '2']);
    expect(body.predictions).toEqual((await predict('plain', rows)).body.predictions);
    expect((await infer('flagging', rows, { parameters: { mine: 1 } })).body.parameters).toEqual({ mine: 1, anomalous: 2 });
    expect((await grpc('flagging', rows)).parameters).toMatchObject({ anomalous: { int64_param: expect.anything() } });
    expect(await metric('anneal_anomalous_rows_total{model="flagging",policy="flag"}')).toBe(6);
    const { body: usual, headers: quiet } = await predict('flagging', [ordinary.row]);
    expect([usual.anomalous, quiet.get('x-anneal-anomalous')]).toEqual([undefined, null]);
  });

  it('are answered by the fallback model, row by row, or else by the training prior', async () => {
    const rows = [ordinary.row, far.row, unseen.row];
    const [own, small] = [await predict('plain', rows), await predict('small', rows)];
    const { body, headers } = await predict('careful', rows);
    expect(body).toMatchObject({ version: '1', degraded: 'fallback', anomalous: [1] });
    expect([headers.get('x-anneal-degraded'), headers.get('x-anneal-anomalous')]).toEqual(['fallback', '1']);
    const { anomaly: _, ...bySmall } = small.body.predictions[1];
    expect(body.predictions).toEqual([own.body.predictions[0], { ...bySmall, anomaly: 0.9375 }, own.body.predictions[2]]);
    expect(body.predictions[1].probability).not.toBeCloseTo(own.body.predictions[1].probability!, 3);
    expect((await infer('careful', rows)).body.parameters).toEqual({ degraded: 'fallback', anomalous: 1 });

    const prior = await predict('cautious', [far.row]);
    expect(prior.body).toMatchObject({
      degraded: 'prior',
      predictions: [{ label: 'on-time', probability: expect.closeTo(0.2, 6), anomaly: 0.9375 }],
    });
    expect((await grpc('cautious', [both.row])).parameters).toMatchObject({ degraded: { string_param: 'prior' } });
    expect((await predict('cautious', [unseen.row])).body).not.toHaveProperty('degraded');
    expect(await metric('anneal_requests_degraded_total{model="cautious",by="prior"}')).toBe(2);
  });

  it('are refused, with the columns and no value of theirs', async () => {
    const refused = await predict('strict', [ordinary.row, { ...far.row, origin: 'SECRET' }, unseen.row]);
    expect(refused.status).toBe(422);
    expect(refused.body.error).toMatch(
      /^Row 1 is unlike the training data of the model: the column "origin" has a category that no training row had, the column "distance" is far out of the range of the training rows, and so is 1 more row of the request\. .*0\.75 or more\./,
    );
    expect(JSON.stringify(refused.body)).not.toMatch(/SECRET|90000|90_000/);
    const tensors = await infer('strict', [far.row]);
    expect(tensors).toMatchObject({ status: 422, body: { error: expect.stringContaining('"distance"') } });
    await expect(grpc('strict', [far.row])).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('"distance"'),
    });
    expect((await predict('strict', [ordinary.row, unusual.row])).status).toBe(200);
    await expect(serving.command('predict', { model: 'strict', instances: [far.row] })).rejects.toThrow(/unlike the training data/);
    expect(await metric('anneal_requests_total{model="strict",version="1",protocol="rows",status="422"}')).toBe(1);
  });

  it('are refused by the columns that are unusual by themselves where none has anything new', async () => {
    // Missing values are nothing new to this one, and yet unusual.
    const files = await writeScoredVersion(join(directory, 'rare'), 0, { anomaly: { policy: 'reject', threshold: 0.5 } });
    const manifest = JSON.parse(readFileSync(files.manifest.path, 'utf8'));
    manifest.profile = manifest.profile.map((column: object) => ({ ...column, hasMissing: true }));
    const golden = JSON.parse(readFileSync(files.golden.path, 'utf8')) as GoldenOutputs;
    await serving.stage('rare', '1', writeVersion(join(directory, 'rare-2'), readFileSync(files.model.path), manifest, golden));
    await serving.command('activate', { model: 'rare', version: '1', epoch: ++epoch });
    const { status: code, body } = await predict('rare', [unusual.row]);
    expect(code).toBe(422);
    expect(body.error).toContain('its most unusual columns are "distance", "origin".');
  });

  it('are counted by column and kind, with the scores of all rows', async () => {
    await promote('counted', 0);
    await predict('counted', [ordinary.row, unusual.row, unseen.row, far.row, both.row, { ...ordinary.row, date: 978_307 }]);
    await predict('counted', [{ ...ordinary.row, distance: 'far' }]);
    // Later than the training rows, as serving always is; and just beyond their range.
    await infer('counted', [{ ...ordinary.row, date: '2009-03-01T10:00:00Z', distance: 1049 } as unknown as Row]);
    const count = (column: string, kind: string) => metric(`anneal_anomalies_total{model="counted",column="${column}",kind="${kind}"}`);
    expect(await Promise.all([count('origin', 'category'), count('distance', 'range'), count('distance', 'missing')])).toEqual([2, 2, 1]);
    expect(await Promise.all([count('date', 'range'), count('distance', 'type'), count('date', 'type')])).toEqual([1, 1, 0]);
    expect(await metric('anneal_anomaly_score_count{model="counted"}')).toBe(7);
    expect(await metric('anneal_anomaly_score_bucket{model="counted",le="0.5"}')).toBe(3);
    expect(await metric('anneal_anomaly_score_bucket{model="counted",le="0.95"}')).toBe(6);
  });

  it('are described in the OpenAPI document', async () => {
    const document = (await (await fetch(`${serving.url}/openapi.json`)).json()) as {
      paths: Record<string, { post: { responses: Record<string, { content: Record<string, { schema: { $ref: string } }> }> } }>;
      components: { schemas: Record<string, object> };
    };
    const answer = (model: string): string => {
      const { $ref } = document.paths[`/v1/models/${model}:predict`].post.responses['200'].content['application/json'].schema;
      return JSON.stringify(document.components.schemas[$ref.replace('#/components/schemas/', '')]);
    };
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
    expect(document.paths['/v1/models/strict:predict'].post.responses).toHaveProperty('422');
    expect(answer('plain')).toContain('"anomaly"');
    expect(answer('older')).not.toContain('"anomaly"');
  });

  it('keep a version from serving that does not compute their golden scores', async () => {
    const files = await writeScoredVersion(join(directory, 'wrong'), 0);
    const golden = JSON.parse(readFileSync(files.golden.path, 'utf8')) as GoldenOutputs;
    const manifest = JSON.parse(readFileSync(files.manifest.path, 'utf8'));
    const wrong = writeVersion(join(directory, 'wrong-2'), readFileSync(files.model.path), manifest, {
      ...golden,
      anomaly: golden.anomaly!.map((score) => 1 - score),
    });
    await expect(prepareVersion(wrong, directory)).rejects.toMatchObject({
      type: 'LoadFailed',
      message: expect.stringContaining('anomaly score'),
    });
  });
});

describe('rows of requests that share a batch', () => {
  it.each(['http-thread', 'executor-thread', 'executor-process'] as const)('keep the score that each has alone (%s)', async (placement) => {
    const directory = mkdtempSync(join(tmpdir(), 'anneal-anomaly-'));
    const serving = await startServingProcess({}, [], { executors: { placement } });
    try {
      await serving.stage('scored', '1', await writeScoredVersion(directory, 0, { anomaly: { policy: 'flag', threshold: 0.9 } }));
      await serving.command('activate', { model: 'scored', version: '1', epoch: 1 });
      const answers = Array.from({ length: 60 }, async (_, i) => {
        const asked = [all[i % 5], all[(i + 1) % 5]];
        const response = await fetch(`${serving.url}/v1/models/scored:predict`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ instances: asked.map(({ row }) => row) }),
        });
        const { predictions, anomalous = [] } = (await response.json()) as PredictResult;
        expect(predictions.map(({ anomaly }) => anomaly)).toEqual(asked.map(({ anomaly }) => anomaly));
        expect(anomalous).toEqual(asked.flatMap(({ anomaly }, row) => (anomaly >= 0.9 ? [row] : [])));
      });
      await Promise.all(answers);
    } finally {
      await serving.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
