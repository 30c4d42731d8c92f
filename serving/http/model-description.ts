import type { ModelInput } from '../../contracts/dataset.js';
import type { ModelRegistry, ServedModel } from '../model-registry.js';
import { predictionSchema, type Schema } from './openapi-schemas.js';

export const labels = ['champion', 'previous'] as const;

/** Path of a model in the rows protocol; a name is one segment of it, as the routes decode it. */
export function modelPath(name: string): string {
  return `/v1/models/${encodeURIComponent(name)}`;
}

/**
 * What somebody who wants predictions from a model has to know: its versions and what they are called, the columns that each takes,
 * what it answers, and where.
 *
 * `model_version_status` is what TensorFlow Serving answers at this path, for its clients.
 *
 * @param version that alone; default: all that are loaded
 * @throws HttpError 503, AnnealError `UnknownModelVersion` as `ModelRegistry.resolve` does
 */
export function describeModel(registry: ModelRegistry, name: string, version?: string): Record<string, unknown> {
  const asked = registry.resolve(name, version);
  const numbers = version === undefined ? registry.versions(name) : [asked.version];
  const versions = numbers.flatMap((each) => registry.peek(name, each) ?? []);
  return {
    name,
    version: registry.peek(name)?.version,
    labels: labelsOf(registry, name),
    versions: versions.map((served) => describeVersion(registry, served)),
    model_version_status: versions.map(({ version: number, executor }) => ({
      version: number,
      ...(executor.isDown
        ? { state: 'LOADING', status: { error_code: 'UNAVAILABLE', error_message: 'Its executors ended; the next one is started.' } }
        : { state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } }),
    })),
    links: { predict: `${modelPath(name)}:predict`, tensors: `/v2/models/${encodeURIComponent(name)}`, openapi: '/openapi.json' },
  };
}

/** @returns the version that each label names */
export function labelsOf(registry: ModelRegistry, name: string): Record<string, string> {
  return Object.fromEntries(
    labels.flatMap((label) => {
      const served = registry.peekLabel(name, label);
      return served ? [[label, served.version]] : [];
    }),
  );
}

function describeVersion(registry: ModelRegistry, { name, version, executor }: ServedModel): Record<string, unknown> {
  const { manifest } = executor;
  return {
    version,
    state: executor.isDown ? 'unavailable' : 'ready',
    labels: Object.entries(labelsOf(registry, name)).flatMap(([label, of]) => (of === version ? [label] : [])),
    task: manifest.task,
    inputs: manifest.inputs.map(describeInput),
    output: predictionSchema(manifest),
    links: { predict: `${modelPath(name)}/versions/${encodeURIComponent(version)}:predict` },
  };
}

function describeInput(input: ModelInput): Record<string, unknown> {
  const { name, columnType: type, nullable } = input;
  if (input.type !== 'uint8') return { name, type, nullable };
  const { height, width, channels, range } = input;
  return { name, type, nullable, height, width, channels, range };
}

const text: Schema = { type: 'string' };
const labelled: Schema = { type: 'object', properties: Object.fromEntries(labels.map((label) => [label, text])) };
const links: Schema = { type: 'object', additionalProperties: text };

/** Of what `describeModel` answers. */
export const modelSchema: Schema = {
  type: 'object',
  properties: {
    name: text,
    version: { ...text, description: 'The one that answers by default' },
    labels: labelled,
    versions: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          version: text,
          state: { type: 'string', enum: ['ready', 'unavailable'] },
          labels: { type: 'array', items: text },
          task: text,
          inputs: {
            type: 'array',
            items: {
              type: 'object',
              properties: { name: text, type: text, nullable: { type: 'boolean', description: 'Whether it may be missing' } },
              required: ['name', 'type', 'nullable'],
            },
          },
          output: { type: 'object', description: 'The JSON schema of a prediction' },
          links,
        },
        required: ['version', 'state', 'labels', 'task', 'inputs', 'output', 'links'],
      },
    },
    model_version_status: {
      type: 'array',
      description: 'As TensorFlow Serving tells it',
      items: {
        type: 'object',
        properties: {
          version: text,
          state: { type: 'string', enum: ['AVAILABLE', 'LOADING'] },
          status: { type: 'object', properties: { error_code: text, error_message: text } },
        },
      },
    },
    links,
  },
  required: ['name', 'version', 'labels', 'versions', 'model_version_status', 'links'],
};

/** Of each model in the list of all. */
export const modelStateSchema: Schema = {
  type: 'object',
  properties: {
    name: text,
    version: { ...text, description: 'The one that answers by default' },
    epoch: { type: 'integer' },
    loaded: { type: 'array', items: text },
    labels: labelled,
    links,
  },
  required: ['name', 'epoch', 'loaded', 'labels'],
};

/** The models of a host, each with what leads further. */
export function listModels(registry: ModelRegistry): Record<string, unknown> {
  const models = registry.list().map((state) => ({
    ...state,
    labels: labelsOf(registry, state.name),
    // One of which nothing answers yet has nothing to lead to.
    ...(state.version === undefined ? {} : { links: { self: modelPath(state.name), predict: `${modelPath(state.name)}:predict` } }),
  }));
  return { models };
}
