import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelManifest } from '../../contracts/model.js';
import type { ModelExecutor } from '../executors/executor.js';
import { ModelRegistry } from '../model-registry.js';
import { openApiDocument } from './openapi.js';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyManifest, writeTinyVersion } from '../testing/tiny-bundle.js';

type Document = {
  paths: Record<string, { post: { operationId: string; requestBody: { content: Record<string, { schema: { $ref: string } }> } } }>;
  components: { schemas: Record<string, Schema> };
};
type Schema = { properties: { instances: { items: { properties: Record<string, { type: unknown }>; required: string[] } } } };

describe('the OpenAPI document', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-openapi-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  beforeAll(async () => {
    serving = await startServingProcess();
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function requested(document: Document, path: string): Schema {
    const { $ref } = document.paths[path].post.requestBody.content['application/json'].schema;
    return document.components.schemas[$ref.replace('#/components/schemas/', '')];
  }

  const read = async () => (await (await fetch(`${serving.url}/openapi.json`)).json()) as Document;

  it('is valid with nothing served, and with a model describes its columns', async () => {
    expect(await new Validator().validate(await read())).toMatchObject({ valid: true });
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    const document = await read();
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
    const { items } = requested(document, '/v1/models/tiny:predict').properties.instances;
    expect(items.required).toEqual(['date', 'distance']);
    expect(items.properties.origin.type).toEqual(['string', 'null']);
    expect(items.properties.distance.type).toBe('number');
  });

  it('describes each version that answers by its number and its label, with the columns of that one', async () => {
    const [first] = tinyManifest.inputs;
    const other: ModelManifest = { ...tinyManifest, inputs: [{ ...first, name: 'airport' }] };
    const registry = new ModelRegistry();
    for (const [version, manifest] of [
      ['1', tinyManifest],
      ['2', other],
    ] as const) {
      registry.stage({ name: 'a model', version, executor: { manifest } as ModelExecutor });
      registry.activate('a model', version, Number(version));
    }
    const written = openApiDocument(registry, { hasTokens: true });
    const document = structuredClone(written) as Document;
    expect(await new Validator().validate(written)).toMatchObject({ valid: true });
    const columns = (path: string) =>
      Object.keys(requested(document, `/v1/models/a%20model${path}:predict`).properties.instances.items.properties);
    for (const path of ['', '/labels/champion', '/versions/2']) expect(columns(path)).toEqual(['airport']);
    for (const path of ['/labels/previous', '/versions/1']) expect(columns(path)).toEqual(tinyManifest.inputs.map(({ name }) => name));
    const operations = Object.values(document.paths).flatMap(({ post }) => (post ? [post.operationId] : []));
    expect(new Set(operations).size).toBe(5);
    expect(document).toMatchObject({ security: [{ token: [] }], components: { securitySchemes: { token: { scheme: 'bearer' } } } });
  });

  it('names paths that answer', async () => {
    const { paths } = await read();
    const body = JSON.stringify({ instances: [{ date: 0, distance: 1 }] });
    for (const [path, { post }] of Object.entries(paths)) {
      const options = post ? { method: 'POST', headers: { 'content-type': 'application/json' }, body } : {};
      expect({ path, status: (await fetch(serving.url + path, options)).status }).toEqual({ path, status: 200 });
    }
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/v1/models/tiny/versions/1:predict', '/v1/models', '/v1/models/tiny', '/metrics']),
    );
  });

  it('is valid for every type of column and every task', async () => {
    const image = { height: 2, width: 2, channels: 1 };
    const types = ['string', 'integer', 'float', 'boolean', 'timestamp'] as const;
    const inputs: ModelManifest['inputs'] = [
      ...types.map((columnType) => ({ name: `a/{${columnType}}`, type: 'float64', columnType, nullable: true }) as const),
      { name: 'picture', type: 'uint8', columnType: 'image', nullable: false, range: [0, 1], ...image },
    ];
    const registry = new ModelRegistry();
    for (const task of ['binary', 'multiclass', 'regression'] as const) {
      const manifest: ModelManifest = { ...tinyManifest, task, inputs };
      registry.stage({ name: `m ${task}`, version: '1', executor: { manifest } as ModelExecutor });
      registry.activate(`m ${task}`, '1', 1);
    }
    expect(await new Validator().validate(structuredClone(openApiDocument(registry, { hasTokens: false })))).toMatchObject({ valid: true });
  });
});
