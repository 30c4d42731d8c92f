import type { ModelInput } from '../../contracts/dataset.js';
import type { ModelManifest } from '../../contracts/model.js';

/** A JSON schema, or another object of an OpenAPI document. */
export type Schema = Readonly<Record<string, unknown>>;

/** What answers instead of a model. */
export const degradedBy: Schema = { type: 'string', enum: ['fallback', 'cache', 'prior'] };

/** The body of a request for predictions: rows by the names of the columns. */
export function requestSchema({ inputs }: ModelManifest): Schema {
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
          timeout: { ...wholeNumber, description: 'Microseconds; 0 is none' },
          priority: { ...wholeNumber, description: '1 before others, 2 as others, 3 after others' },
        },
      },
    },
  };
}

/** Or a string of its digits. */
const wholeNumber: Schema = { type: ['integer', 'string', 'null'], minimum: 0, pattern: '^[0-9]{1,15}$' };

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

type Predicted = Pick<ModelManifest, 'task' | 'classes' | 'quantiles' | 'hasAnomaly'>;

/** What is said of a row. */
export function predictionSchema({ task, classes, quantiles, hasAnomaly }: Predicted): Schema {
  const probability: Schema = { type: 'number', minimum: 0, maximum: 1 };
  const anomaly = hasAnomaly
    ? { anomaly: { ...probability, description: 'Share of the training rows that are less unusual than this one' } }
    : {};
  return task === 'regression'
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
}

/** The answer to it. */
export function responseSchema(manifest: Predicted): Schema {
  return {
    type: 'object',
    properties: {
      model: { type: 'string' },
      version: { type: 'string' },
      predictions: { type: 'array', items: predictionSchema(manifest) },
      degraded: degradedBy,
      ...(manifest.hasAnomaly
        ? { anomalous: { type: 'array', items: { type: 'integer', minimum: 0 }, description: 'Positions of the anomalous rows' } }
        : {}),
    },
    required: ['model', 'version', 'predictions'],
  };
}
