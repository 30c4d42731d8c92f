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

type Document = { paths: Record<string, { post: { requestBody: { content: Record<string, { schema: Schema }> } } }> };
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

  const read = async () => (await (await fetch(`${serving.url}/openapi.json`)).json()) as Document;

  it('is valid with nothing served, and with a model describes its columns', async () => {
    expect(await new Validator().validate(await read())).toMatchObject({ valid: true });
    await serving.stage('tiny', '1', writeTinyVersion(directory, { bias: 0 }));
    await serving.command('activate', { model: 'tiny', version: '1', epoch: 1 });
    const document = await read();
    expect(await new Validator().validate(document)).toMatchObject({ valid: true });
    const { items } = document.paths['/v1/models/tiny:predict'].post.requestBody.content['application/json'].schema.properties.instances;
    expect(items.required).toEqual(['date', 'distance']);
    expect(items.properties.origin.type).toEqual(['string', 'null']);
    expect(items.properties.distance.type).toBe('number');
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
    expect(await new Validator().validate(structuredClone(openApiDocument(registry)))).toMatchObject({ valid: true });
  });
});
