import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FittedTransform, PreparedManifest, ValidationReport } from '../contracts/dataset.js';
import { type PipelineSpec, primaryMetric } from '../contracts/pipeline.js';
import { evaluateModel } from '../ml/evaluate/evaluate-model.js';
import { exportModel, type ExportedModel } from '../ml/export/export-model.js';
import { decodeCheckpoint } from '../ml/train/checkpoint/checkpoint.js';
import { runTrainingJob } from '../ml/train/child/run-job.js';
import { prepareVersion } from '../serving/loader/prepare-version.js';
import { openPrepared, type OpenModel, type PreparedVersion } from '../serving/loader/prepared-version.js';
import { writeVersion } from '../serving/testing/tiny-bundle.js';
import { DataFixture, pipelineOf } from './data-fixture.js';
import { localFiles } from './trained-fixture.js';

/** 6 × 4 images, bright on the left or on the right, with some noise; the pixels from 0 to 1. */
const images = `SELECT CASE WHEN i % 2 = 0 THEN 'left' ELSE 'right' END AS side, CAST(i % 7 AS DOUBLE) AS weight,
  list_transform(range(6), lambda y: list_transform(range(4), lambda x:
    CASE WHEN (x < 2) = (i % 2 = 0) THEN 0.8 ELSE 0.1 END + (hash(i, x, y) % 20) / 100.0)) AS picture
  FROM range(400) AS t(i)`;
const bytes = `SELECT side, weight, unhex(array_to_string(list_transform(flatten(picture), lambda v:
    substr(to_hex(CAST(round(CAST(v AS DOUBLE) * 255) AS INTEGER) + 256), 2)), '')) AS picture FROM (${images})`;

function specOf(uri: string, range: [0, 1] | [0, 255]): PipelineSpec {
  return pipelineOf(uri, {
    columns: {
      side: { type: 'string' },
      weight: { type: 'float' },
      picture: { type: 'image', height: 6, width: 4, range },
    },
    target: { task: 'multiclass', name: 'side', expression: 'side' },
    split: { kind: 'random', stratify: true, validation: 0.2, test: 0.2 },
    features: { picture: { kind: 'image', column: 'picture' }, weight: { kind: 'numeric', column: 'weight' } },
    model: { family: 'cnn', filters: [4, 4], hidden: [8], dropout: 0.1 },
    training: { engine: 'onnxruntime', epochs: 6, batchSize: 16, learningRate: 0.01 },
  });
}

describe('images, from a column to a prediction', () => {
  const fixture = new DataFixture();
  let spec: PipelineSpec;
  let prepared: PreparedManifest;
  let exported: ExportedModel;
  let served: OpenModel;
  let image: PreparedVersion;

  beforeAll(async () => {
    spec = specOf(await fixture.parquet('lists.parquet', images), [0, 1]);
    prepared = await fixture.store.readJson<PreparedManifest>((await fixture.prepare(spec)).manifest);
    const { checkpoint } = await runTrainingJob(
      {
        key: 'images',
        request: {
          model: spec.model,
          training: spec.training,
          primaryMetric: primaryMetric(spec),
          task: prepared.task,
          classes: prepared.classes.length,
          layout: prepared.layout,
          trainingPrior: prepared.trainingPrior,
          dataDigest: 'images',
          threads: 1,
        },
        train: await localFiles(fixture.store, prepared.train),
        validation: await localFiles(fixture.store, prepared.validation),
        candidates: [],
        directory: fixture.root,
      },
      { signal: new AbortController().signal, onProgress: () => {}, onCheckpoint: () => {} },
    );
    // It compares the graph with the eager network on real rows.
    exported = await exportModel({
      name: 'sides',
      dataDigest: 'images',
      prepared,
      transform: await fixture.store.readJson<FittedTransform>(prepared.transform),
      checkpoint: decodeCheckpoint(readFileSync(checkpoint)),
      testPath: await fixture.store.localPath(prepared.test.data),
      scratchRoot: fixture.scratchRoot,
    });
    const files = writeVersion(join(fixture.root, 'version'), exported.model, exported.manifest, exported.golden);
    image = await prepareVersion(files, fixture.root);
    served = await openPrepared(image);
  });
  afterAll(async () => {
    await served?.release();
    fixture.dispose();
  });

  it('keeps the pixels as bytes, row by row', async () => {
    expect(prepared.layout.image).toEqual({ name: 'picture', height: 6, width: 4, channels: 1 });
    const stored = await fixture.store.readBytes(prepared.train.image!);
    expect(stored.length).toBe(prepared.train.rows * 24);
    for (let row = 0; row < prepared.train.rows; row++) {
      const [first, , third] = stored.subarray(row * 24, row * 24 + 3);
      expect(Math.abs(first - third)).toBeGreaterThan(100);
    }
  });

  it('prepares the same images from bytes as from lists of numbers', async () => {
    const fromBytes = specOf(await fixture.parquet('bytes.parquet', bytes), [0, 1]);
    const other = await fixture.store.readJson<PreparedManifest>((await fixture.prepare(fromBytes)).manifest);
    expect(other.train).toEqual(prepared.train);
    expect(other.test).toEqual(prepared.test);
  });

  it('exports a graph that tells the sides of test rows, and reproduces its golden rows where it serves', async () => {
    const path = join(fixture.root, 'model.onnx');
    writeFileSync(path, exported.model);
    const report = await evaluateModel({
      model: { path, manifest: exported.manifest },
      testPath: await fixture.store.localPath(prepared.test.data),
      primaryMetric: 'accuracy',
      threads: 1,
      scratchRoot: fixture.scratchRoot,
    });
    expect(report.rows).toBe(80);
    expect(report.metrics.accuracy).toBeGreaterThan(0.95);
    expect(image.goldenDifference).toBeLessThanOrEqual(exported.golden.tolerance);
    expect(exported.golden.instances.length).toBeLessThanOrEqual(6);
    expect(exported.manifest.inputs).toContainEqual(expect.objectContaining({ name: 'picture', type: 'uint8', height: 6, width: 4 }));
  });

  it('takes rows whose image is of another size, is missing, or has other numbers out, and says why', async () => {
    const uri = await fixture.parquet(
      'broken.parquet',
      `SELECT side, weight, CASE i WHEN 1 THEN NULL WHEN 2 THEN picture[1:5] WHEN 3 THEN list_append(picture[1:5], [0.0, 0.5, 1.01, 1.0])
         WHEN 4 THEN list_append(picture[1:5], [0.0, NULL, 0.5, 1.0]) ELSE picture END AS picture
       FROM (SELECT *, row_number() OVER () AS i FROM (${images}))`,
    );
    const { report } = await fixture.validate(specOf(uri, [0, 1]));
    const { quarantined } = await fixture.store.readJson<ValidationReport>(report);
    expect(quarantined).toEqual([
      { reason: 'picture has a number that is missing or not from 0 to 1', rows: 2 },
      { reason: 'picture is missing', rows: 1 },
      { reason: 'picture is not an image of 6 × 4 × 1 = 24 numbers', rows: 1 },
    ]);
  });

  it('reads flat lists of a CSV file and nested ones of JSON', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({
      side: i % 2 === 0 ? 'left' : 'right',
      weight: i,
      picture: Array.from({ length: 6 }, (_y, y) => [i, y, 0, 255]),
    }));
    const csv = `side,weight,picture\n${rows.map((row) => `${row.side},${row.weight},"[${row.picture.flat().join(', ')}]"`).join('\n')}\n`;
    fixture.write('lists.csv', csv);
    fixture.write('lists.json', JSON.stringify(rows));
    const expected = [...Array(6).keys()].flatMap((y) => [7, y, 0, 255]);
    for (const format of ['csv', 'json'] as const) {
      const { clean } = await fixture.validate({ ...specOf(`lists.${format}`, [0, 255]), source: { format, uri: `lists.${format}` } });
      const [{ picture }] = await fixture.rows(clean!, 'SELECT picture FROM data WHERE weight = 7');
      expect([...(picture as Uint8Array)]).toEqual(expected);
    }
  });
});
