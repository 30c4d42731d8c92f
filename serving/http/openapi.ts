import type { ModelManifest } from '../../contracts/model.js';
import type { ModelRegistry, ServedModel } from '../model-registry.js';
import { labels, modelPath, modelSchema, modelStateSchema } from './model-description.js';
import { degradedBy, requestSchema, responseSchema, type Schema } from './openapi-schemas.js';

export interface OpenApiOptions {
  /** The host wants a token. */
  readonly hasTokens: boolean;
}

const json = (schema: Schema): Schema => ({ 'application/json': { schema } });
const refersTo = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
/** A name is one segment of a path, as the routes decode it. */
const segment = encodeURIComponent;

const errors: readonly (readonly [status: string, description: string])[] = [
  ['400', 'The body is malformed, or a row does not fit the columns'],
  ['404', 'The host holds no such model or version'],
  ['413', 'The body is larger than the host takes'],
  ['415', 'The body is neither JSON nor JSON compressed with gzip or deflate'],
  ['429', 'Too many requests'],
  ['500', 'The model failed with these rows'],
  ['503', 'Not loaded yet, or the host is about to stop'],
  ['504', 'The timeout passed'],
];
const tokenErrors: typeof errors = [
  ['401', 'The host wants a token that it knows'],
  ['403', 'The token is not for this model'],
];

/**
 * Describe the row-oriented API of the models that are served now, with the columns of each version by its number and by its labels,
 * and what the host tells of itself. The Open Inference Protocol under `/v2` has a description of its own.
 *
 * @returns an OpenAPI 3.1 document
 */
export function openApiDocument(registry: ModelRegistry, { hasTokens }: OpenApiOptions): Record<string, unknown> {
  const schemas = new Map<string, Schema>([
    [
      'Error',
      { type: 'object', properties: { error: { type: 'string', description: 'What happened, and what to do' } }, required: ['error'] },
    ],
    ['Model', modelSchema],
  ]);
  const paths: [string, Schema][] = registry.list().flatMap(({ name }, i) => {
    const operation = (served: ServedModel, id: string, summary: string): Schema => {
      // The number tells names apart that differ in other characters alone.
      const key = `${plain(name)}.${i}.${plain(served.version)}`;
      const { manifest } = served.executor;
      schemas.set(`${key}.request`, requestSchema(manifest)).set(`${key}.response`, responseSchema(manifest));
      return {
        post: {
          operationId: `predict_${plain(name)}_${i}${id}`,
          tags: [name],
          summary,
          requestBody: { required: true, content: json(refersTo(`${key}.request`)) },
          responses: { '200': answer(manifest, `${key}.response`), ...failures(manifest, hasTokens) },
        },
      };
    };
    const path = modelPath(name);
    const labelled = labels.flatMap((label): [string, Schema][] => {
      const served = registry.peekLabel(name, label);
      return served
        ? [[`${path}/labels/${label}:predict`, operation(served, `_${label}`, `Predict rows with the ${label} of ${name}`)]]
        : [];
    });
    const numbered = registry.versions(name).flatMap((version): [string, Schema][] => {
      const served = registry.find(name, version);
      const said = `Predict rows with version ${version} of ${name}`;
      return served ? [[`${path}/versions/${segment(version)}:predict`, operation(served, `_version_${plain(version)}`, said)]] : [];
    });
    const active = registry.peek(name);
    const summary = `Predict rows with ${name}; version ${active?.version} answers now`;
    if (!active) return numbered;
    const described = told(`The versions of ${name}, their columns and what they answer`, `model_${plain(name)}_${i}`, refersTo('Model'));
    return [[path, described], [`${path}:predict`, operation(active, '', summary)], ...labelled, ...numbered];
  });
  return {
    openapi: '3.1.0',
    info: { title: 'Anneal inference host', version: '1' },
    externalDocs: { description: 'The Open Inference Protocol, under /v2', url: 'https://github.com/kserve/open-inference-protocol' },
    ...(hasTokens ? { security: [{ token: [] }] } : {}),
    paths: { ...Object.fromEntries(paths), ...ownPaths },
    components: {
      schemas: Object.fromEntries(schemas),
      ...(hasTokens ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } : {}),
    },
  };
}

function answer({ serving, hasAnomaly }: ModelManifest, schema: string): Schema {
  const headers = {
    'x-anneal-degraded': {
      description: 'What answered instead of the model',
      schema: degradedBy,
    },
    ...(hasAnomaly && serving?.anomaly
      ? { 'x-anneal-anomalous': { description: 'Number of anomalous rows', schema: { type: 'integer', minimum: 1 } } }
      : {}),
  };
  return { description: 'A prediction for each row', headers, content: json(refersTo(schema)) };
}

function failures({ serving }: ModelManifest, hasTokens: boolean): Schema {
  const listed = [
    ...errors,
    ...(hasTokens ? tokenErrors : []),
    ...(serving?.anomaly?.policy === 'reject' ? ([['422', 'A row is unlike the training data']] as const) : []),
  ];
  const retryAfter = { 'retry-after': { description: 'Seconds', schema: { type: 'integer', minimum: 1 } } };
  return Object.fromEntries(
    listed.map(([status, description]) => [
      status,
      { description, ...(status === '429' ? { headers: retryAfter } : {}), content: json(refersTo('Error')) },
    ]),
  );
}

/** What may stand in the name of a component. */
function plain(name: string): string {
  return name.replaceAll(/[^\w.-]/g, '_');
}

const text = { type: 'string' };
const told = (summary: string, operationId: string, schema: Schema, more: Schema = {}): Schema => ({
  get: { operationId, tags: ['host'], summary, responses: { '200': { description: 'As it is now', content: json(schema) } }, ...more },
});
const state = (field: string): Schema => ({ type: 'object', properties: { [field]: { type: 'boolean' } }, required: [field] });
const isReady = state('ready');

const ownPaths: Schema = {
  '/v1/models': told('The models of the host and their versions', 'list_models', {
    type: 'object',
    properties: { models: { type: 'array', items: modelStateSchema } },
    required: ['models'],
  }),
  '/v1/executors': told('Where each version executes, in every serving process of the host', 'list_executors', {
    type: 'object',
    properties: { processes: { type: 'array', items: { type: 'object' } } },
    required: ['processes'],
  }),
  '/v2/health/live': told('Whether the host answers at all; needs no token', 'live', state('live'), { security: [] }),
  '/v2/health/ready': told('Whether it serves what it should; needs no token', 'ready', isReady, {
    security: [],
    responses: {
      '200': { description: 'It does', content: json(isReady) },
      '503': { description: 'Not yet, or it is about to stop', content: json(isReady) },
    },
  }),
  '/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['host'],
      summary: 'Metrics of all serving processes, for Prometheus',
      responses: { '200': { description: 'As they are now', content: { 'text/plain': { schema: text } } } },
    },
  },
};
