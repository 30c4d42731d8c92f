import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { pipelineToSubmit } from './submit-pipeline.js';

const definition = {
  name: 'own',
  source: { format: 'csv', uri: 'own.csv' },
  columns: { x: { type: 'float' }, y: { type: 'boolean' } },
  target: { task: 'binary', name: 'y', expression: 'y' },
  split: { kind: 'random' },
  features: { x: { kind: 'numeric', column: 'x' } },
};

let folder: string;
let store: FileArtifactStore;
const pipeline = (name: string, model: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, `export default ${JSON.stringify({ ...definition, model })};`);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-submit-'));
  store = new FileArtifactStore(join(folder, 'store'));
  mkdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'models', 'net.ts'), 'export default (context: object) => context;');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('puts the bundle of a model beside the pipeline into the store, and its reference into the definition', async () => {
  const short = await pipelineToSubmit(pipeline('short.mjs', './models/net.ts'), [], async () => store);
  expect(short.model).toMatchObject({ family: 'module', module: './models/net.ts', options: {} });
  const path = pipeline('long.mjs', { module: './models/net.ts', units: 8 });
  const long = await pipelineToSubmit(path, ['model.units=9'], async () => store);
  expect(long.model).toEqual({ ...short.model, options: { units: 9 } });
  const { source } = long.model as { source: Parameters<FileArtifactStore['readBytes']>[0] };
  expect(Buffer.from(await store.readBytes(source)).toString()).toContain('default');
});

test('has no use for the store with a family of Anneal’s own', async () => {
  const path = pipeline('linear.mjs', { family: 'linear' });
  const spec = await pipelineToSubmit(path, [], () => Promise.reject(new Error('the store was opened')));
  expect(spec.model).toEqual({ family: 'linear' });
});

test('says which file is missing', async () => {
  await expect(pipelineToSubmit(pipeline('gone.mjs', './gone.ts'), [], async () => store)).rejects.toMatchObject({
    type: 'InvalidModel',
    message: expect.stringMatching(/module \.\/gone\.ts is not there: .*gone\.ts does not exist/),
  });
});
