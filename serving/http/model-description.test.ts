import { describe, expect, it } from '@jest/globals';
import type { ModelManifest } from '../../contracts/model.js';
import type { ModelExecutor } from '../executors/executor.js';
import { ModelRegistry } from '../model-registry.js';
import { tinyManifest } from '../testing/tiny-bundle.js';
import { describeModel, listModels, modelSchema, modelStateSchema } from './model-description.js';
import { predictionSchema } from './openapi-schemas.js';

const image = {
  name: 'photo',
  type: 'uint8',
  columnType: 'image',
  nullable: false,
  height: 2,
  width: 3,
  channels: 1,
  range: [0, 1],
} as const;
const withImage: ModelManifest = { ...tinyManifest, inputs: [tinyManifest.inputs[0], image] };

/** Versions 1 (previous), 2 (champion, whose executors are down) and 3, which is staged. */
function registryOfThree(): ModelRegistry {
  const registry = new ModelRegistry();
  const stage = (version: string, manifest: ModelManifest, isDown = false) =>
    registry.stage({ name: 'a model', version, executor: { manifest, isDown } as ModelExecutor });
  stage('1', tinyManifest);
  registry.activate('a model', '1', 1);
  stage('2', withImage, true);
  registry.activate('a model', '2', 2);
  stage('3', tinyManifest);
  return registry;
}

describe('what a host tells of a model', () => {
  it('has its versions with their state, labels, columns, output and links', () => {
    const told = describeModel(registryOfThree(), 'a model');
    expect(told).toMatchObject({
      name: 'a model',
      version: '2',
      labels: { champion: '2', previous: '1' },
      links: { predict: '/v1/models/a%20model:predict', tensors: '/v2/models/a%20model' },
    });
    expect(told.versions).toEqual([
      {
        version: '1',
        state: 'ready',
        labels: ['previous'],
        task: 'binary',
        inputs: [
          { name: 'origin', type: 'string', nullable: true },
          { name: 'date', type: 'timestamp', nullable: false },
          { name: 'distance', type: 'float', nullable: false },
        ],
        output: predictionSchema(tinyManifest),
        links: { predict: '/v1/models/a%20model/versions/1:predict' },
      },
      expect.objectContaining({
        version: '2',
        state: 'unavailable',
        labels: ['champion'],
        inputs: [
          { name: 'origin', type: 'string', nullable: true },
          { name: 'photo', type: 'image', nullable: false, height: 2, width: 3, channels: 1, range: [0, 1] },
        ],
      }),
      expect.objectContaining({ version: '3', state: 'ready', labels: [] }),
    ]);
  });

  it('has the state of its versions as TensorFlow Serving tells it, of one version where one is asked for', () => {
    const registry = registryOfThree();
    expect(describeModel(registry, 'a model', '1').model_version_status).toEqual([
      { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
    ]);
    expect(describeModel(registry, 'a model').model_version_status).toMatchObject([
      { version: '1' },
      { version: '2', state: 'LOADING', status: { error_code: 'UNAVAILABLE' } },
      { version: '3' },
    ]);
  });

  it('is in the list of all with its labels and where to read on', () => {
    expect(listModels(registryOfThree())).toEqual({
      models: [
        {
          name: 'a model',
          version: '2',
          epoch: 2,
          loaded: ['1', '2', '3'],
          labels: { champion: '2', previous: '1' },
          links: { self: '/v1/models/a%20model', predict: '/v1/models/a%20model:predict' },
        },
      ],
    });
  });

  it('has the fields that the OpenAPI document says', () => {
    const registry = registryOfThree();
    type WithFields = { readonly properties: Readonly<Record<string, unknown>> };
    const fieldsOf = (schema: unknown): string[] => Object.keys((schema as WithFields).properties).sort();
    const told = describeModel(registry, 'a model') as { versions: object[] };
    const { versions } = modelSchema.properties as { versions: { items: unknown } };
    expect(Object.keys(told).sort()).toEqual(fieldsOf(modelSchema));
    for (const version of told.versions) expect(Object.keys(version).sort()).toEqual(fieldsOf(versions.items));
    for (const state of listModels(registry).models as object[]) expect(Object.keys(state).sort()).toEqual(fieldsOf(modelStateSchema));
  });

  it('is refused for a name or a version that is not here', () => {
    const registry = registryOfThree();
    expect(() => describeModel(registry, 'other')).toThrow('This host serves no model of that name');
    expect(() => describeModel(registry, 'a model', '9')).toThrow('This host has no such version');
  });
});
