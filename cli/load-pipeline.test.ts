import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AnnealError } from '../contracts/failures.js';
import { exitCodes } from './command-error.js';
import { listPipelines, loadPipeline } from './load-pipeline.js';

const definition = {
  name: 'tiny',
  source: { format: 'csv', uri: 'tiny.csv' },
  columns: { x: { type: 'float' }, y: { type: 'boolean' } },
  target: { task: 'binary', name: 'y', expression: 'y' },
  split: { kind: 'random' },
  features: { x: { kind: 'numeric', column: 'x' } },
  model: { family: 'linear' },
};

describe('loadPipeline', () => {
  let folder: string;
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'anneal-pipelines-'));
    file('tiny.mjs', `export default ${JSON.stringify(definition)};`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('fills the defaults in and makes a relative source absolute', async () => {
    const spec = await loadPipeline(join(folder, 'tiny.mjs'));
    expect(spec.training.epochs).toBe(20);
    expect(spec.source).toMatchObject({ uri: resolve('tiny.csv') });
  });

  test('leaves a source with a scheme as it is', async () => {
    const spec = await loadPipeline(join(folder, 'tiny.mjs'), ['source.uri=npm:vega-datasets/data/tiny.csv']);
    expect(spec.source).toMatchObject({ uri: 'npm:vega-datasets/data/tiny.csv' });
  });

  test('replaces values before the definition is checked', async () => {
    const spec = await loadPipeline(join(folder, 'tiny.mjs'), ['training.epochs=2', 'model={"family":"mlp","hidden":[8]}', 'name=other']);
    expect(spec.training.epochs).toBe(2);
    expect(spec.model).toMatchObject({ family: 'mlp', hidden: [8] });
    expect(spec.name).toBe('other');
  });

  test('says how a gate is set beside the cross-validation that it is about, and takes that', async () => {
    const gates = [{ metric: 'auc', crossValidated: true, min: 0.6 }];
    const path = file('folds.mjs', `export default ${JSON.stringify({ ...definition, crossValidation: { kind: 'k-fold' }, gates })};`);
    const refused = await loadPipeline(path, ['crossValidation=null']).then(
      () => 'It was taken.',
      (error: Error) => error.message,
    );
    const [, advice] = /leave crossValidated out \(--set (\S+)\), so that the gate is about the test part/.exec(refused)!;
    const { crossValidation, gates: kept } = await loadPipeline(path, ['crossValidation=null', advice]);
    expect(crossValidation).toBeUndefined();
    expect(kept).toEqual([{ metric: 'auc', min: 0.6 }]);
  });

  test('leaves out what another family of models does not have, but not what is set beside it', async () => {
    const deep = { family: 'wide-and-deep', hidden: [16], dropout: 0.1, embeddingScale: 2 };
    const path = file('deep.mjs', `export default ${JSON.stringify({ ...definition, model: deep })};`);
    expect((await loadPipeline(path, ['model.family=linear'])).model).toEqual({ family: 'linear' });
    const { model } = await loadPipeline(path, ['model.hidden=[8]', 'model.family=mlp']);
    expect(model).toEqual({ family: 'mlp', hidden: [8], activation: 'relu', dropout: 0.1 });
    await expect(loadPipeline(path, ['model.hidden=[8]', 'model.family=linear'])).rejects.toThrow('hidden belongs to another family');
    await expect(loadPipeline(path, ['model.family=forest'])).rejects.toThrow('model.family: expected one of "linear"');
  });

  test('refuses a value that the definition cannot have, and says where', async () => {
    const loading = loadPipeline(join(folder, 'tiny.mjs'), ['training.epochs=none']);
    await expect(loading).rejects.toMatchObject({ exitCode: exitCodes.usage, message: expect.stringContaining('training.epochs') });
    const leadsNowhere = loadPipeline(join(folder, 'tiny.mjs'), ['name.first=2']);
    await expect(leadsNowhere).rejects.toMatchObject({ exitCode: exitCodes.usage, message: expect.stringContaining('name.first') });
  });

  test('tells a definition that is wrong by itself from a value that is', async () => {
    const broken = file('broken.mjs', `export default ${JSON.stringify({ ...definition, model: { family: 'forest' } })};`);
    await expect(loadPipeline(broken, ['training.epochs=2'])).rejects.toBeInstanceOf(AnnealError);
  });

  test('names the pipelines that exist when there is none of the name', async () => {
    await expect(loadPipeline('no-such-pipeline')).rejects.toMatchObject({
      exitCode: exitCodes.usage,
      message: expect.stringMatching(/There is no pipeline "no-such-pipeline".*"anneal run \.\/my-pipeline\.ts"/),
    });
    for (const name of listPipelines()) await expect(loadPipeline('no-such-pipeline')).rejects.toThrow(name);
  });

  test('says which file it did not find', async () => {
    await expect(loadPipeline('./none/here.ts')).rejects.toThrow(resolve('none/here.ts'));
  });

  test('says so when a file has no default export', async () => {
    await expect(loadPipeline(file('empty.mjs', 'export const name = 1;'))).rejects.toThrow('no default export');
  });
});
