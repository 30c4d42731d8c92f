import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mlflowUri } from '../../../testing/servers.js';
import { collect, filterString, isMlflowError, MlflowClient, type Run } from './index.js';

describe('MlflowClient against an MLflow server', () => {
  let client: MlflowClient;
  let experimentId: string;
  let scratch: string;
  const experimentName = `client & friends / ${randomUUID()}`;

  beforeAll(async () => {
    client = new MlflowClient({ trackingUri: await mlflowUri() });
    experimentId = await client.experiments.create({ name: experimentName, tags: { team: 'growth' } });
    scratch = await mkdtemp(join(tmpdir(), 'mlflow-client-'));
  });

  afterAll(() => rm(scratch, { recursive: true, force: true }));

  const newRun = (tags: Record<string, string> = {}): Promise<Run> => client.runs.create({ experimentId, runName: 'a run', tags });

  test('finds an experiment by its name, and none by another', async () => {
    expect(await client.experiments.getByName(experimentName)).toMatchObject({
      experimentId,
      name: experimentName,
      lifecycleStage: 'active',
      tags: { team: 'growth' },
    });
    expect(await client.experiments.getByName(`${experimentName}?`)).toBeUndefined();
    const found = await collect(client.experiments.search({ filter: `name = ${filterString(experimentName)}` }));
    expect(found.map((experiment) => experiment.experimentId)).toEqual([experimentId]);
  });

  test('is told when an experiment of that name is there, also a deleted one, which can be restored', async () => {
    await expect(client.experiments.create({ name: experimentName })).rejects.toMatchObject({
      errorCode: 'RESOURCE_ALREADY_EXISTS',
      status: 400,
    });
    const id = await client.experiments.create({ name: `gone ${randomUUID()}` });
    await client.experiments.delete(id);
    const [deleted] = await collect(client.experiments.search({ view: 'DELETED_ONLY', filter: "name LIKE 'gone %'" }), 1);
    expect(deleted.lifecycleStage).toBe('deleted');
    await client.experiments.restore(id);
    await client.experiments.setTag(id, 'note', 'back');
    expect((await client.experiments.getByName(deleted.name))?.tags).toEqual({ note: 'back' });
  });

  test('creates, reads, updates and deletes a run', async () => {
    const run = await newRun({ origin: 'test' });
    expect(run).toMatchObject({ experimentId, runName: 'a run', status: 'RUNNING', lifecycleStage: 'active' });
    await client.runs.update(run.runId, { status: 'FINISHED', endTimeMs: 1_700_000_000_123.4 });
    expect(await client.runs.get(run.runId)).toMatchObject({ status: 'FINISHED', endTimeMs: 1_700_000_000_123, tags: { origin: 'test' } });
    await client.runs.delete(run.runId);
    await client.runs.delete(run.runId);
    expect((await client.runs.get(run.runId)).lifecycleStage).toBe('deleted');
    await expect(client.runs.get('no-such-run')).rejects.toMatchObject({ errorCode: 'RESOURCE_DOES_NOT_EXIST', status: 404 });
  });

  test('goes through all pages of a search', async () => {
    const mark = randomUUID();
    const made = await Promise.all(Array.from({ length: 5 }, () => newRun({ mark })));
    const search = () =>
      client.runs.search([experimentId], { filter: `tags.mark = '${mark}'`, pageSize: 2, orderBy: ['attributes.start_time DESC'] });
    const found = await collect(search());
    expect(new Set(found.map((run) => run.runId))).toEqual(new Set(made.map((run) => run.runId)));
    expect(await collect(search(), 3)).toHaveLength(3);
  });

  test('logs more than MLflow takes at once, and the same again without doubling it', async () => {
    const run = await newRun();
    const batch = {
      metrics: Array.from({ length: 2_345 }, (_, step) => ({
        key: 'loss',
        value: 1 / (step + 1),
        timestampMs: 1_700_000_000_000 + step,
        step,
      })),
      params: Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`p${i}`, `${i}`])),
      tags: Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`t${i}`, 'ü'.repeat(50)])),
    };
    await client.runs.logBatch(run.runId, batch);
    await client.runs.logBatch(run.runId, batch);
    const logged = await client.runs.get(run.runId);
    expect(logged.params).toEqual(batch.params);
    expect(logged.tags).toMatchObject(batch.tags);
    const history = await collect(client.runs.metricHistory(run.runId, 'loss'));
    expect(history).toHaveLength(2_345);
    expect(history.toSorted((a, b) => a.step - b.step)[2_344]).toEqual(batch.metrics[2_344]);
    await expect(client.runs.logBatch(run.runId, { params: { p0: 'changed' } })).rejects.toMatchObject({
      errorCode: 'INVALID_PARAMETER_VALUE',
    });
  });

  test('logs metrics that are not finite', async () => {
    const run = await newRun();
    await client.runs.logBatch(run.runId, { metrics: [{ key: 'loss', value: Number.NaN, timestampMs: 1, step: 0 }] });
    expect((await client.runs.get(run.runId)).metrics).toEqual([{ key: 'loss', value: Number.NaN, timestampMs: 1, step: 0 }]);
    await client.runs.logBatch(run.runId, { metrics: [{ key: 'up', value: Number.POSITIVE_INFINITY, timestampMs: 1, step: 0 }] });
  });

  test('says which data set a run used', async () => {
    const run = await newRun();
    const dataset = {
      name: 'flights',
      digest: 'abc123',
      sourceType: 'local',
      source: '{"uri":"file:///flights"}',
      profile: '{"num_rows":3}',
      tags: { 'mlflow.data.context': 'training' },
    };
    await client.runs.logInputs(run.runId, [dataset]);
    await client.runs.logInputs(run.runId, [dataset]);
    const found = await collect(client.runs.search([experimentId], { filter: "dataset.name = 'flights' and dataset.digest = 'abc123'" }));
    expect(found.map((one) => one.runId)).toEqual([run.runId]);
  });

  test('uploads, lists and downloads artifacts byte for byte', async () => {
    const run = await newRun();
    const large = randomBytes(20_000_003);
    await writeFile(join(scratch, 'large'), large);
    await client.artifacts.uploadFile(run.artifactUri, 'model/large file.bin', join(scratch, 'large'));
    await client.artifacts.uploadBytes(run.artifactUri, 'model/größe.json', '{"a":"ü"}');
    await client.artifacts.uploadBytes(run.artifactUri, 'empty', new Uint8Array());
    expect(await client.artifacts.list(run.artifactUri)).toEqual(
      expect.arrayContaining([
        { path: 'model', isDirectory: true },
        { path: 'empty', isDirectory: false, sizeBytes: 0 },
      ]),
    );
    expect((await client.artifacts.list(run.artifactUri, 'model')).map((file) => [file.path, file.sizeBytes])).toEqual(
      expect.arrayContaining([
        ['large file.bin', large.length],
        ['größe.json', 10],
      ]),
    );
    await client.artifacts.downloadFile(run.artifactUri, 'model/large file.bin', join(scratch, 'back'));
    expect(Buffer.compare(await readFile(join(scratch, 'back')), large)).toBe(0);
    expect(Buffer.from(await client.artifacts.downloadBytes(run.artifactUri, 'model/größe.json')).toString()).toBe('{"a":"ü"}');
  });

  test('leaves no part of a file that is not there', async () => {
    const run = await newRun();
    const failing = new MlflowClient({ trackingUri: client.address, maxAttempts: 1 });
    const error: unknown = await failing.artifacts
      .downloadFile(run.artifactUri, 'nowhere', join(scratch, 'nothing'))
      .catch((caught: unknown) => caught);
    expect(isMlflowError(error)).toBe(true);
    expect((await readdir(scratch)).filter((name) => name.startsWith('nothing'))).toEqual([]);
  });

  test('refuses an artifact address that is not the proxy of the server', async () => {
    await expect(client.artifacts.list('s3://bucket/1')).rejects.toThrow('--artifacts-destination');
  });

  test('registers a model and its versions, tags and aliases', async () => {
    const name = `flights ${randomUUID()}`;
    const run = await newRun();
    expect(await client.models.get(name)).toBeUndefined();
    await client.models.create({ name, description: 'late or not', tags: { owner: 'growth' } });
    await expect(client.models.create({ name })).rejects.toMatchObject({ errorCode: 'RESOURCE_ALREADY_EXISTS' });
    const first = await client.versions.create({ name, source: `${run.artifactUri}/model`, runId: run.runId, tags: { digest: 'abc' } });
    const second = await client.versions.create({ name, source: `${run.artifactUri}/other`, runId: run.runId });
    expect([first.version, second.version]).toEqual(['1', '2']);
    expect(first).toMatchObject({ name, runId: run.runId, status: 'READY', tags: { digest: 'abc' } });

    await client.versions.setTags(name, '2', { digest: 'def', other: 'x' });
    await client.versions.deleteTag(name, '2', 'other');
    expect(await client.versions.update(name, '2', { description: 'better' })).toMatchObject({
      version: '2',
      description: 'better',
      tags: { digest: 'def' },
    });
    const byRun = await collect(client.versions.search({ filter: `name = ${filterString(name)} and run_id = '${run.runId}'` }));
    expect(byRun.map((version) => version.version).toSorted()).toEqual(['1', '2']);
    expect(await client.versions.get(name, '3')).toBeUndefined();

    await client.models.setAlias(name, 'champion', '1');
    await client.models.setAlias(name, 'champion', '2');
    expect((await client.models.getVersionByAlias(name, 'champion'))?.version).toBe('2');
    expect(await client.models.get(name)).toMatchObject({
      description: 'late or not',
      tags: { owner: 'growth' },
      aliases: { champion: '2' },
    });
    await client.models.deleteAlias(name, 'champion');
    await client.models.deleteAlias(name, 'champion');
    expect(await client.models.getVersionByAlias(name, 'champion')).toBeUndefined();
    expect(await client.models.getVersionByAlias(`${name}?`, 'champion')).toBeUndefined();

    await client.models.setTag(name, 'stage', 'trial');
    const models = await collect(client.models.search({ filter: `name LIKE 'flights %' and tags.stage = 'trial'` }));
    expect(models.map((model) => model.name)).toContain(name);
    await client.versions.delete(name, '1');
    await client.models.delete(name);
    expect(await client.models.get(name)).toBeUndefined();
  });
});
