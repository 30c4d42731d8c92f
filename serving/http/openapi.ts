import type { ModelInput } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';
import type { ModelRegistry } from '../model-registry.js';

type Schema = Readonly<Record<string, unknown>>;

const error: Schema = { type: 'object', properties: { error: { type: 'string' } }, required: ['error'] };

/** @returns an OpenAPI 3.1 document of the row-oriented API of the models that are served now, with the columns of each */
export function openApiDocument(registry: ModelRegistry): Record<string, unknown> {
  const served = registry.list().flatMap(({ name }) => registry.peek(name) ?? []);
  const paths = served.map(({ name, version, executor }) => [
    // A name is one segment of a path, as the routes decode it.
    `/v1/models/${encodeURIComponent(name)}:predict`,
    {
      post: {
        operationId: `predict_${name}`,
        summary: `Predict rows with ${name}; version ${version} answers now`,
        requestBody: { required: true, content: { 'application/json': { schema: requestSchema(executor.manifest) } } },
        responses: {
          '200': {
            description: 'A prediction for each row',
            content: { 'application/json': { schema: responseSchema(executor.manifest) } },
          },
          ...Object.fromEntries(
            (
              [
                ['400', 'A row does not fit the columns'],
                ...(executor.manifest.serving?.anomaly?.policy === 'reject'
                  ? ([['422', 'A row is unlike the training data']] as const)
                  : []),
                ['429', 'Too many requests; see Retry-After'],
                ['503', 'Not loaded yet'],
                ['504', 'The timeout passed'],
              ] as const
            ).map(([status, description]) => [status, { description, content: { 'application/json': { schema: error } } }]),
          ),
        },
      },
    },
  ]);
  return {
    openapi: '3.1.0',
    info: { title: 'Anneal inference host', version: '1' },
    paths: Object.fromEntries(paths),
  };
}

function requestSchema({ inputs }: ModelManifest): Schema {
  return {
    type: 'object',
    required: ['instances'],
    properties: {
      instances: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          properties: Object.fromEntries(inputs.map((input) => [input.name, columnSchema(input)])),
          required: inputs.filter((input) => !input.nullable).map((input) => input.name),
        },
      },
      parameters: {
        type: 'object',
        properties: {
          timeout: { type: 'integer', minimum: 0, description: 'Microseconds' },
          priority: { type: 'integer', minimum: 0, description: '1 before others, 2 as others, 3 after others' },
        },
      },
    },
  };
}

function columnSchema(input: ModelInput): Schema {
  const orNull = (type: string): unknown => (input.nullable ? [type, 'null'] : type);
  switch (input.columnType) {
    case 'string':
      return { type: orNull('string') };
    case 'integer':
      return { type: orNull('integer') };
    case 'float':
      return { type: orNull('number') };
    case 'boolean':
      return { type: orNull('boolean') };
    case 'timestamp':
      return {
        anyOf: [
          { type: 'string', description: 'ISO 8601; UTC where it has no offset' },
          { type: 'integer', description: 'Milliseconds since 1970 UTC' },
          ...(input.nullable ? [{ type: 'null' }] : []),
        ],
      };
    case 'image':
      return {
        anyOf: [{ type: 'array' }, { type: 'string', contentEncoding: 'base64' }],
        description: `${input.height} × ${input.width} × ${input.channels}: nested numbers, base64 of the bytes, or of a PNG or JPEG file`,
      };
  }
}

function responseSchema({ task, classes, quantiles, hasAnomaly }: ModelManifest): Schema {
  const probability: Schema = { type: 'number', minimum: 0, maximum: 1 };
  const anomaly = hasAnomaly
    ? { anomaly: { ...probability, description: 'Share of the training rows that are less unusual than this one' } }
    : {};
  const prediction: Schema =
    task === 'regression'
      ? {
          type: 'object',
          properties: {
            value: { type: 'number' },
            ...(quantiles
              ? { quantiles: { type: 'object', properties: Object.fromEntries(quantiles.map((each) => [each, { type: 'number' }])) } }
              : {}),
            ...anomaly,
          },
          required: ['value'],
        }
      : {
          type: 'object',
          properties: {
            ...(task === 'multilabel'
              ? { labels: { type: 'object', properties: Object.fromEntries(classes.map((name) => [name, { type: 'boolean' }])) } }
              : { label: { type: 'string', enum: classes } }),
            ...(task === 'binary' ? { probability } : {}),
            probabilities: { type: 'object', properties: Object.fromEntries(classes.map((name) => [name, probability])) },
            ...anomaly,
          },
          required: [task === 'multilabel' ? 'labels' : 'label', 'probabilities'],
        };
  return {
    type: 'object',
    properties: {
      model: { type: 'string' },
      version: { type: 'string' },
      predictions: { type: 'array', items: prediction },
      degraded: { type: 'string', enum: ['fallback', 'cache', 'prior'] },
      ...(hasAnomaly
        ? { anomalous: { type: 'array', items: { type: 'integer', minimum: 0 }, description: 'Positions of the anomalous rows' } }
        : {}),
    },
    required: ['model', 'version', 'predictions'],
  };
}
