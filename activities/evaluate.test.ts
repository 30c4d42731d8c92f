import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { EvaluateInput, EvaluationResult, ExportInput } from '../contracts/activities.js';
import type { EvaluationReport, ModelBundle, ModelManifest } from '../contracts/model.js';
import type { Task } from '../contracts/pipeline.js';
import { rowsToTensors } from '../ml/data/read/raw-tensors.js';
import { withDataSession } from '../ml/data/duckdb-session.js';
import { auc } from '../ml/evaluate/metrics/auc.js';
import { evaluateModel } from '../ml/evaluate/evaluate-model.js';
import { runExportJob } from '../ml/export/run-export-job.js';
import { openModel, predictWith } from '../ml/export/run-model.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { createEvaluateActivities } from './evaluate.js';
import { createExportActivities } from './export.js';
import { trainedFixture, type TrainedFixture } from './trained-fixture.js';

const testRows = 5000;
let root: string;
let store: FileArtifactStore;
const fixtures = {} as Record<Task, TrainedFixture & { readonly bundle: ModelBundle }>;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'anneal-evaluate-'));
  store = new FileArtifactStore(join(root, 'store'));
  for (const task of ['binary', 'multiclass', 'regression'] as const) {
    const fixture = await trainedFixture(store, root, task, { testRows });
    fixtures[task] = { ...fixture, bundle: await bundleOf(fixture) };
  }
});

afterAll(() => rmSync(root, { recursive: true }));

function environment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}

async function bundleOf({ spec, ref, checkpoint }: TrainedFixture): Promise<ModelBundle> {
  const activities = createExportActivities({ store, run: runExportJob });
  const input = { spec, prepared: ref, checkpoint, dataDigest: 'abc' };
  return environment().run((given: ExportInput) => activities.exportModel(given), input);
}

async function evaluated(
  task: Task,
  changes: Partial<EvaluateInput> = {},
  mock = environment(),
  activities = createEvaluateActivities({ store, run: evaluateModel }),
): Promise<{ result: EvaluationResult; report: EvaluationReport }> {
  const { spec, ref, bundle } = fixtures[task];
  const input: EvaluateInput = { spec, prepared: ref, bundle, ...changes };
  const result: EvaluationResult = await mock.run((given: EvaluateInput) => activities.evaluateModel(given), input);
  return { result, report: await store.readJson<EvaluationReport>(result.report) };
}

/** The same bundle under another manifest. */
async function withManifest(task: Task, change: (manifest: ModelManifest) => Partial<ModelManifest>): Promise<ModelBundle> {
  const { bundle } = fixtures[task];
  const manifest = await store.readJson<ModelManifest>(bundle.manifest);
  return { ...bundle, manifest: await store.putJson({ ...manifest, ...change(manifest) }) };
}

describe('evaluateModel', () => {
  it('measures a binary model on the raw rows, against the prior, with calibration, confusion and slices', async () => {
    const mock = environment();
    const beats: unknown[] = [];
    mock.on('heartbeat', (details: unknown) => beats.push(details));
    const { result, report } = await evaluated('binary', {}, mock, createEvaluateActivities({ store }));
    expect(report.rows).toBe(testRows);
    expect(report.metrics.auc).toBeGreaterThan(0.95);
    // Trained with class weights; the calibration has put the probabilities right.
    expect(report.metrics.ece).toBeLessThan(0.05);
    expect(report.baseline).toMatchObject({ auc: 0.5 });
    expect(report.metrics.logLoss).toBeLessThan(report.baseline.logLoss!);
    expect(report.confusion!.flat().reduce((sum, count) => sum + count, 0)).toBe(testRows);
    expect(report.calibration).toHaveLength(15);
    expect(report.primaryMetric).toBe('auc');
    const origins = report.slices.filter(({ slice }) => slice === 'origin');
    expect(origins.map(({ value }) => value).sort()).toEqual(['A', 'B', 'C', 'D', 'E', 'F']);
    expect(report.slices.filter(({ slice }) => slice === 'hour')).toHaveLength(24);
    expect(origins.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThan(testRows);
    expect(result.summary).not.toHaveProperty('slices');
    expect(result.summary).not.toHaveProperty('calibration');
    expect(result.summary.metrics).toEqual(report.metrics);
    expect(beats).toContainEqual({ rows: testRows, totalRows: testRows });
  });

  it('agrees with predictions made row by row as a caller sends them', async () => {
    const { bundle, manifest } = fixtures.binary;
    const { report } = await evaluated('binary');
    const { inputs } = await store.readJson<ModelManifest>(bundle.manifest);
    const path = await store.localPath(manifest.test.data);
    const rows = await withDataSession({ scratchRoot: root }, (session) => session.rows(`SELECT * FROM read_parquet('${path}')`));
    const instances = rows.map((row) => ({ ...row, distance: Number(row.distance), departed: Number(row.departed) }));
    const session = await openModel(await store.readBytes(bundle.model), 1);
    const probabilities = await predictWith(session, rowsToTensors(inputs, instances));
    await session.release();
    const scores = Float32Array.from(instances, (_, row) => probabilities[2 * row + 1]);
    expect(
      auc(
        scores,
        Float32Array.from(rows, (row) => row.__target as number),
      ),
    ).toBeCloseTo(report.metrics.auc!, 6);
  });

  it('tells how many test rows are unlike the training rows', async () => {
    const { report } = await evaluated('binary');
    expect(report.anomaly!.map(({ threshold }) => threshold)).toEqual([0.5, 0.9, 0.99, 0.999]);
    // They are rows like those of training.
    for (const { threshold, share } of report.anomaly!) expect(Math.abs(share - (1 - threshold))).toBeLessThan(0.06);
    const older = await withManifest('binary', () => ({ hasAnomaly: undefined }));
    expect((await evaluated('binary', { bundle: older })).report).not.toHaveProperty('anomaly');
  });

  it('measures a multiclass model', async () => {
    const { report } = await evaluated('multiclass');
    expect(report.metrics.accuracy).toBeGreaterThan(0.8);
    expect(report.metrics.accuracy).toBeGreaterThan(report.baseline.accuracy!);
    expect(report.confusion).toHaveLength(3);
    expect(report.threshold).toBeUndefined();
    expect(report.calibration).toBeUndefined();
  });

  it('measures a regression', async () => {
    const { report } = await evaluated('regression');
    expect(report.metrics.r2).toBeGreaterThan(0.9);
    expect(report.baseline.r2).toBeLessThan(0.1);
    expect(report.confusion).toBeUndefined();
  });

  it('measures the champion on the same rows', async () => {
    const { report } = await evaluated('binary', { champion: { version: '3', bundle: fixtures.binary.bundle } });
    expect(report.champion).toEqual({ version: '3', metrics: report.metrics });
    expect(report.championSkipped).toBeUndefined();
  });

  it('says why a champion cannot be compared, and goes on', async () => {
    const bundle = await withManifest('binary', ({ inputs }) => ({ inputs: [...inputs, { ...inputs[0], name: 'carrier' }] }));
    const { report, result } = await evaluated('binary', { champion: { version: '3', bundle } });
    expect(report.champion).toBeUndefined();
    expect(report.championSkipped).toMatch(/Version 3 was not compared: it needs the column "carrier"/);
    expect(result.summary.championSkipped).toBe(report.championSkipped);
    expect(report.metrics.auc).toBeGreaterThan(0.9);
  });

  it('goes on without a champion whose files are lost', async () => {
    const lost = { uri: `artifact:sha256/${'0'.repeat(64)}`, sha256: '0'.repeat(64), sizeBytes: 1 };
    const { report } = await evaluated('binary', { champion: { version: '4', bundle: { ...fixtures.binary.bundle, model: lost } } });
    expect(report.championSkipped).toMatch(/Version 4 was not compared/);
  });

  it('gives the identical report when it runs again', async () => {
    expect((await evaluated('binary')).result.report).toEqual((await evaluated('binary')).result.report);
  });

  it('does not retry a model that onnxruntime refuses', async () => {
    const bundle = { ...fixtures.binary.bundle, model: await store.putBytes(new Uint8Array(100)) };
    await expect(evaluated('binary', { bundle })).rejects.toMatchObject({ type: 'InvalidModel', nonRetryable: true });
  });

  it('does not retry without test rows', async () => {
    const empty = await withDataSession({ scratchRoot: root }, async (session) => {
      const path = await store.localPath(fixtures.binary.manifest.test.data);
      await session.run(
        `COPY (SELECT * FROM read_parquet('${path}') LIMIT 0) TO '${join(session.scratch, 'empty.parquet')}' (FORMAT parquet)`,
      );
      return store.putFile(join(session.scratch, 'empty.parquet'));
    });
    const prepared = await store.putJson({ ...fixtures.binary.manifest, test: { rows: 0, data: empty } });
    await expect(evaluated('binary', { prepared })).rejects.toMatchObject({ type: 'InvalidData', nonRetryable: true });
  });

  it('ends at once when it is cancelled', async () => {
    const mock = environment();
    setTimeout(() => mock.cancel(), 200);
    const started = performance.now();
    const ended = evaluated('binary', {}, mock, createEvaluateActivities({ store }));
    await expect(ended).rejects.toBeInstanceOf(CancelledFailure);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
