import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ModelManifest } from '../../contracts/model.js';
import type { ServingSpec } from '../../contracts/pipeline.js';
import { AnswerCache } from './answer-cache.js';
import { priorOutputs } from './degradation.js';
import { startServingProcess } from '../testing/serving-process.js';
import { tinyGolden, tinyGraph, tinyManifest, tinyProbability, writeVersion, type TinyModel } from '../testing/tiny-bundle.js';

describe('a version that cannot answer', () => {
  const directory = mkdtempSync(join(tmpdir(), 'anneal-degrade-'));
  let serving: Awaited<ReturnType<typeof startServingProcess>>;
  let epoch = 0;
  beforeAll(async () => {
    serving = await startServingProcess();
  });
  afterAll(async () => {
    await serving.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function promote(
    name: string,
    version: string,
    model: TinyModel,
    degrade?: ServingSpec['degrade'],
    differing: Partial<ModelManifest> = {},
  ): Promise<void> {
    // Golden rows that every version can compute.
    const golden = tinyGolden(model);
    const isComputed = golden.instances.map(({ distance }) => (distance as number) <= (model.failsBeyond ?? 1e9));
    const keep = <T>(rows: readonly T[]): T[] => rows.filter((_, i) => isComputed[i]);
    const kept = { ...golden, instances: keep(golden.instances), outputs: keep(golden.outputs) };
    const manifest: ModelManifest = { ...tinyManifest, ...differing, ...(degrade ? { serving: { degrade } } : {}) };
    const files = writeVersion(join(directory, `${name}-${version}`), tinyGraph(model), manifest, kept);
    await serving.stage(name, version, files);
    await serving.command('activate', { model: name, version, epoch: ++epoch });
  }

  async function predict(name: string, distance: number) {
    const response = await fetch(`${serving.url}/v1/models/${name}:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ instances: [{ origin: 'SFO', date: 0, distance }] }),
    });
    const body = (await response.json()) as { version: string; degraded?: string; predictions: { probability: number; label: string }[] };
    return { status: response.status, header: response.headers.get('x-anneal-degraded'), body };
  }
  const late = (bias: number, distance: number) => expect.closeTo(tinyProbability({ bias }, { origin: 'SFO', distance }), 5);

  it('fails where nothing is configured', async () => {
    await promote('plain', '1', { bias: 0, failsBeyond: 1000 });
    expect((await predict('plain', 2000)).status).toBe(500);
    expect(await predict('plain', 100)).toMatchObject({ status: 200, header: null });
  });

  it('is answered for by the last answer to the same input, then by the training prior', async () => {
    const degrade = { fallbackModel: 'small', cachedAnswers: 10, prior: true } as const;
    await promote('tiny', '1', { bias: 0, failsBeyond: 1000 }, degrade);
    expect(await predict('tiny', 900)).toMatchObject({
      header: null,
      body: { version: '1', predictions: [{ probability: late(0, 900) }] },
    });
    await promote('tiny', '2', { bias: 1, failsBeyond: 200 }, degrade);
    expect(await predict('tiny', 900)).toMatchObject({
      status: 200,
      header: 'cache',
      body: { version: '1', degraded: 'cache', predictions: [{ probability: late(0, 900) }] },
    });
    expect(await predict('tiny', 901)).toMatchObject({
      status: 200,
      header: 'prior',
      body: { version: '2', degraded: 'prior', predictions: [{ label: 'on-time', probability: expect.closeTo(0.2, 6) }] },
    });
    expect(await predict('tiny', 100)).toMatchObject({
      header: null,
      body: { version: '2', predictions: [{ probability: late(1, 100) }] },
    });
  });

  it('is answered for by its fallback model first, over the tensor protocol too', async () => {
    await promote('small', '7', { bias: 2 });
    expect(await predict('tiny', 900)).toMatchObject({
      header: 'fallback',
      body: { version: '7', degraded: 'fallback', predictions: [{ probability: late(2, 900) }] },
    });
    const response = await fetch(`${serving.url}/v2/models/tiny/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        inputs: [
          { name: 'origin', shape: [1], datatype: 'BYTES', data: ['SFO'] },
          { name: 'date', shape: [1], datatype: 'INT64', data: [0] },
          { name: 'distance', shape: [1], datatype: 'FP64', data: [900] },
        ],
      }),
    });
    expect(response.headers.get('x-anneal-degraded')).toBe('fallback');
    expect(await response.json()).toMatchObject({ model_version: '7', parameters: { degraded: 'fallback' } });
    const metrics = await (await fetch(`${serving.url}/metrics`)).text();
    expect(metrics).toContain('anneal_requests_degraded_total{model="tiny",by="fallback"} 2');
    expect(metrics).toContain('anneal_requests_degraded_total{model="tiny",by="cache"} 1');
    expect(metrics).toContain('anneal_fallback_unavailable_total{model="tiny",why="absent"} 2');
  });

  it('is counted where its fallback model has other columns, or fails as well', async () => {
    await promote('narrow', '1', { bias: 0, failsBeyond: 1000 });
    await promote('other', '1', { bias: 0, failsBeyond: 1000 }, { fallbackModel: 'narrow' });
    expect((await predict('other', 2000)).status).toBe(500);
    await promote('narrow', '2', { bias: 0 }, undefined, { classes: ['no', 'yes'] });
    expect((await predict('other', 2000)).status).toBe(500);
    const metrics = await (await fetch(`${serving.url}/metrics`)).text();
    for (const why of ['failed', 'differs']) expect(metrics).toContain(`anneal_fallback_unavailable_total{model="other",why="${why}"} 1`);
  });

  it('still refuses rows that do not fit', async () => {
    expect((await predict('tiny', 'far' as unknown as number)).status).toBe(400);
  });
});

describe('priorOutputs', () => {
  it('gives shares and the likeliest class, or the mean', () => {
    const multiclass = { ...tinyManifest, task: 'multiclass', classes: ['a', 'b', 'c'], trainingPrior: [0.2, 0.5, 0.3] } as const;
    const { values, classIndex } = priorOutputs(multiclass, 2);
    expect(Array.from(values)).toEqual([0.2, 0.5, 0.3, 0.2, 0.5, 0.3].map((value) => Math.fround(value)));
    expect(Array.from(classIndex!)).toEqual([1, 1]);
    const regression = { ...tinyManifest, task: 'regression', classes: [], trainingPrior: [7, 2] } as const;
    expect(priorOutputs(regression, 2)).toEqual({ values: Float32Array.of(7, 7) });
    expect(Array.from(priorOutputs({ ...regression, trainingPrior: [7, 2, 5, 6, 9], quantiles: [0.1, 0.5, 0.9] }, 1).values)).toEqual([
      5, 6, 9,
    ]);
    expect(priorOutputs({ ...multiclass, task: 'multilabel' }, 1)).not.toHaveProperty('classIndex');
    // The threshold, not one half, decides what a binary model calls positive.
    expect(Array.from(priorOutputs({ ...tinyManifest, threshold: 0.15 }, 1).classIndex!)).toEqual([1]);
  });
});

describe('AnswerCache', () => {
  it('tells inputs apart, forgets the least recently used, and keeps no view of a batch', () => {
    const cache = new AnswerCache(2);
    const ask = (text: string, value: number) => ({ rows: 1, columns: [[text], Float64Array.of(value)] });
    const shared = Float32Array.of(1, 2, 3);
    cache.put(ask('a', 1), { version: '1', outputs: { values: shared.subarray(0, 1) } });
    shared[0] = 9;
    cache.put(ask('b', 1), { version: '1', outputs: { values: Float32Array.of(2) } });
    expect(cache.get(ask('a', 2))).toBeUndefined();
    expect(cache.get(ask('a', 1))?.outputs.values).toEqual(Float32Array.of(1));
    cache.put(ask('c', 1), { version: '1', outputs: { values: Float32Array.of(3) } });
    expect(cache.get(ask('b', 1))).toBeUndefined();
    expect(cache.get(ask('a', 1))).toBeDefined();
  });
});
