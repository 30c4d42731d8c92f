import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { MockActivityEnvironment, type TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Worker } from '@temporalio/worker';
import { collect, MlflowClient } from 'mlflow-ts-client';
import type { CrossValidationSummary, LogFoldInput } from '../contracts/cross-validation.js';
import type { TrackedRun, TrackingActivities } from '../contracts/activities.js';
import type { SnapshotManifest } from '../contracts/dataset.js';
import { failureTypes } from '../contracts/failures.js';
import type { ModelManifest } from '../contracts/model.js';
import type { MetricPoint } from '../contracts/training.js';
import { taskQueues } from '../contracts/task-queues.js';
import type { PipelineSpec } from '../contracts/pipeline.js';
import { FileArtifactStore } from '../stores/file-artifact-store.js';
import { MlflowTracking } from '../stores/mlflow-tracking.js';
import { registerInput, tinyBundle } from '../stores/registered-model-fixture.js';
import { testPipeline } from '../testing/fake-stages.js';
import { executable, mlflowUri } from '../testing/servers.js';
import { createWorkflowEnvironment, testWorkflowBundle } from '../testing/workflow-environment.js';
import { createTrackingActivities } from './tracking.js';

const temporalUiUrl = 'http://127.0.0.1:8233';

/** Failures are what some of these tests are about; they need not be logged. */
function quietContext(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}

describe('tracking activities against MLflow and Temporal', () => {
  let trackingUri: string;
  let temporal: TestWorkflowEnvironment;
  let root: string;
  let store: FileArtifactStore;
  let mlflow: MlflowClient;
  let activities: TrackingActivities;

  beforeAll(async () => {
    [trackingUri, temporal] = await Promise.all([mlflowUri(), createWorkflowEnvironment()]);
    root = await mkdtemp(join(tmpdir(), 'anneal-tracking-'));
    store = new FileArtifactStore(root);
    mlflow = new MlflowClient({ trackingUri });
    activities = trackingActivities(trackingUri);
  });

  afterAll(async () => {
    await temporal.teardown();
    await rm(root, { recursive: true, force: true });
  });

  function trackingActivities(uri: string): TrackingActivities {
    return createTrackingActivities({
      mlflow: { trackingUri: uri, uiUrl: uri },
      temporalUiUrl,
      namespace: 'default',
      store,
      client: new Client({ connection: temporal.nativeConnection, namespace: 'default' }),
    });
  }

  /** Run an activity as a worker would, with a context. */
  function run<N extends keyof TrackingActivities>(
    name: N,
    input: Parameters<TrackingActivities[N]>[0],
    from = activities,
    context = quietContext(),
  ) {
    const activity = from[name] as (argument: unknown) => Promise<unknown>;
    const result: Promise<unknown> = context.run(activity, input);
    return result as ReturnType<TrackingActivities[N]>;
  }

  async function opened(changes: Partial<PipelineSpec> = {}): Promise<{ spec: PipelineSpec; workflowId: string; tracked: TrackedRun }> {
    const spec = { ...testPipeline({ name: `toy-${randomUUID().slice(0, 8)}` }), ...changes };
    const workflowId = `pipeline/${spec.name}/run-1`;
    return { spec, workflowId, tracked: await run('openRun', { spec, run: 'run-1', workflowId, temporalRunId: 't-1' }) };
  }

  test('a pipeline run is one run of an experiment with its name, however often it is opened', async () => {
    const { spec, workflowId, tracked } = await opened();
    const again = await Promise.all([1, 2].map(() => run('openRun', { spec, run: 'run-1', workflowId, temporalRunId: 't-1' })));
    expect(again).toEqual([tracked, tracked]);
    const runs = await collect(mlflow.runs.search([tracked.experimentId]));
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      runName: 'run-1',
      status: 'RUNNING',
      tags: {
        'anneal.workflow_id': workflowId,
        'anneal.temporal_url': `${temporalUiUrl}/namespaces/default/workflows/${encodeURIComponent(workflowId)}/t-1`,
      },
    });
    expect(tracked.url).toBe(`${trackingUri}/#/experiments/${tracked.experimentId}/runs/${tracked.runId}`);
    expect((await mlflow.experiments.getByName(spec.name))?.experimentId).toBe(tracked.experimentId);
  });

  test('first openings of a pipeline and of a run at the same time agree on one of each', async () => {
    const spec = testPipeline({ name: `toy-${randomUUID().slice(0, 8)}` });
    const open = (name: string) => run('openRun', { spec, run: name, workflowId: `pipeline/${spec.name}/${name}`, temporalRunId: 't' });
    const tracked = await Promise.all([open('a'), open('b'), open('c')]);
    expect(new Set(tracked.map(({ experimentId }) => experimentId)).size).toBe(1);
    expect(await collect(mlflow.runs.search([tracked[0].experimentId]))).toHaveLength(3);
  });

  test('a run that was closed and is opened again, after a reset, goes on in the same MLflow run', async () => {
    const { spec, workflowId, tracked } = await opened();
    await run('closeRun', { tracked, outcome: 'failed', reason: 'x'.repeat(20_000) });
    expect(await mlflow.runs.get(tracked.runId)).toMatchObject({
      status: 'FAILED',
      tags: { 'anneal.outcome': 'failed', 'anneal.reason': expect.stringMatching(/x…$/) },
    });
    expect(await run('openRun', { spec, run: 'run-1', workflowId, temporalRunId: 't-2' })).toEqual(tracked);
    expect(await mlflow.runs.get(tracked.runId)).toMatchObject({ status: 'RUNNING', tags: { 'anneal.temporal_run_id': 't-2' } });
  });

  test.each([
    ['promoted', 'FINISHED'],
    ['rejected', 'FINISHED'],
    ['cancelled', 'KILLED'],
  ] as const)('a run that was %s is closed as %s', async (outcome, status) => {
    const { tracked } = await opened();
    await run('closeRun', { tracked, outcome });
    await run('closeRun', { tracked, outcome });
    expect((await mlflow.runs.get(tracked.runId)).status).toBe(status);
  });

  test('a trial is one nested run with its parameters and the course of its metrics, however often it is logged', async () => {
    const { tracked } = await opened();
    const input = {
      tracked,
      trialWorkflowId: 'pipeline/toy/run-1/sweep/trial-3',
      trial: 3,
      parameters: { 'training.learningRate': 0.01, 'model.hidden': [64, 32] },
      state: 'pruned' as const,
      metrics: { auc: 0.7 },
      history: [
        { step: 10, metrics: { loss: 0.7 } },
        { step: 20, metrics: { loss: Number.NaN } },
      ],
    };
    await run('logTrial', input);
    await run('logTrial', input);
    const trials = await collect(
      mlflow.runs.search([tracked.experimentId], { filter: `tags.\`mlflow.parentRunId\` = '${tracked.runId}'` }),
    );
    expect(trials).toHaveLength(1);
    expect(trials[0]).toMatchObject({
      runName: 'trial-3',
      status: 'FINISHED',
      params: { 'training.learningRate': '0.01', 'model.hidden': '[64,32]' },
      tags: { 'anneal.trial_state': 'pruned' },
    });
    const history = await collect(mlflow.runs.metricHistory(trials[0].runId, 'loss'));
    expect(history.toSorted((a, b) => a.step - b.step).map(({ step, value }) => [step, value])).toEqual([
      [10, 0.7],
      [20, Number.NaN],
    ]);
    expect(await collect(mlflow.runs.metricHistory(trials[0].runId, 'validation/auc'))).toMatchObject([{ value: 0.7, step: 20 }]);
  });

  test('of a trial and of a model whose best epoch was not its last, MLflow shows the figures of what is kept, also after a retry', async () => {
    const { spec, workflowId, tracked } = await opened();
    const history = [
      { step: 100, metrics: { loss: 0.6, 'validation/logLoss': 0.49, 'validation/auc': 0.79 } },
      { step: 200, metrics: { loss: 0.4, 'validation/logLoss': 0.52, 'validation/auc': 0.77 } },
    ];
    const kept = { logLoss: 0.49, auc: 0.79 };
    const shown = { 'validation/logLoss': 0.49, 'validation/auc': 0.79, loss: 0.4 };
    const figuresOf = async (runId: string): Promise<Record<string, number>> =>
      Object.fromEntries((await mlflow.runs.get(runId)).metrics.map(({ key, value }) => [key, value]));

    const registered = await registerInput(store, { spec, tracked, workflowId, bundle: (await tinyBundle(store)).bundle });
    const trial = { tracked, trialWorkflowId: `${workflowId}/trial-0`, trial: 0, parameters: {}, state: 'completed' as const };
    for (let attempt = 0; attempt < 2; attempt++) {
      await run('registerModelVersion', { ...registered, training: { ...registered.training, validation: kept, history } });
      await run('logTrial', { ...trial, metrics: kept, history });
    }
    expect(await figuresOf(tracked.runId)).toMatchObject(shown);
    const [nested] = await collect(
      mlflow.runs.search([tracked.experimentId], { filter: `tags.\`mlflow.parentRunId\` = '${tracked.runId}'` }),
    );
    expect(await figuresOf(nested.runId)).toMatchObject(shown);
    expect(await collect(mlflow.runs.metricHistory(nested.runId, 'validation/logLoss'))).toHaveLength(3);
  });

  test('the curves of a training and of a trial are shown while they go on, once, whatever is logged again at their end', async () => {
    const { spec, workflowId, tracked } = await opened();
    const trialWorkflowId = `${workflowId}/sweep/trial-4`;
    const history: MetricPoint[] = [
      { step: 10, metrics: { loss: 0.7 } },
      { step: 20, metrics: { loss: 0.6, 'validation/auc': 0.71 } },
      { step: 30, metrics: { loss: 0.5, 'validation/auc': 0.72 } },
    ];
    const tracking = new MlflowTracking(mlflow, store, { uiUrl: trackingUri, temporalUiUrl, namespace: 'default' });
    const own = { pipeline: spec.name, workflowId };
    const nested = { kind: 'trial' as const, number: 4, workflowId: trialWorkflowId };
    const ofTrial = { experimentId: tracked.experimentId, runId: tracked.runId, nested };
    const ofTrials = { filter: `tags.\`mlflow.parentRunId\` = '${tracked.runId}'` };
    // Two attempts: the second one went on from a checkpoint, and begins with what it finds there.
    await expect(tracking.openCurve({ pipeline: spec.name, workflowId: `${workflowId}-2` })).rejects.toThrow('is not open yet');
    await expect(tracking.openCurve({ pipeline: `${spec.name}-2`, workflowId })).rejects.toThrow('is not open yet');
    for (const page of [own, ofTrial]) {
      const first = await tracking.openCurve(page);
      await first([history[0], { step: 20, metrics: { loss: 0.6 } }], 0);
      const second = await tracking.openCurve(page);
      await second(history.slice(0, 2), 0);
      await second(history, 1);
    }
    const [trial] = await collect(mlflow.runs.search([tracked.experimentId], ofTrials));
    expect(trial).toMatchObject({ runName: 'trial-4', status: 'RUNNING' });
    const counts = async (): Promise<number[][]> =>
      Promise.all(
        [tracked.runId, trial.runId].map(async (runId) => [
          (await collect(mlflow.runs.metricHistory(runId, 'loss'))).length,
          (await collect(mlflow.runs.metricHistory(runId, 'validation/auc'))).length,
        ]),
      );
    const once = [
      [3, 2],
      [3, 2],
    ];
    expect(await counts()).toEqual(once);
    const registered = await registerInput(store, { spec, tracked, workflowId, bundle: (await tinyBundle(store)).bundle });
    await run('registerModelVersion', {
      ...registered,
      training: { ...registered.training, step: 30, history, validation: { auc: 0.72 } },
    });
    await run('logTrial', { tracked, trialWorkflowId, trial: 4, parameters: {}, state: 'completed', metrics: { auc: 0.72 }, history });
    expect(await collect(mlflow.runs.search([tracked.experimentId], ofTrials))).toMatchObject([{ runId: trial.runId, status: 'FINISHED' }]);
    expect(await counts()).toEqual(once);
  });

  test('where the model of a trial is kept, the run shows the curve of its own training, and the figures of the trial', async () => {
    const { spec, workflowId, tracked } = await opened();
    const registered = await registerInput(store, { spec, tracked, workflowId, bundle: (await tinyBundle(store)).bundle });
    const ofTrial = [{ step: 40, metrics: { loss: 0.3, 'validation/auc': 0.8 } }];
    const curve = [
      { step: 40, metrics: { loss: 0.4, 'validation/auc': 0.78 } },
      { step: 80, metrics: { loss: 0.35, 'validation/auc': 0.76 } },
    ];
    const training = { ...registered.training, step: 40, history: ofTrial, validation: { auc: 0.8 } };
    await run('registerModelVersion', { ...registered, training, curve });
    const { metrics } = await mlflow.runs.get(tracked.runId);
    expect(metrics).toContainEqual(expect.objectContaining({ key: 'validation/auc', value: 0.8 }));
    expect(metrics).toContainEqual(expect.objectContaining({ key: 'loss', value: 0.35 }));
  });

  test('a trial that was ended while its curve was shown is closed with its run', async () => {
    const { tracked } = await opened();
    const tracking = new MlflowTracking(mlflow, store, { uiUrl: trackingUri, temporalUiUrl, namespace: 'default' });
    const trial = (number: number) => ({ kind: 'trial' as const, number, workflowId: `${tracked.runId}/trial-${number}` });
    for (const number of [0, 1])
      await tracking.openCurve({ experimentId: tracked.experimentId, runId: tracked.runId, nested: trial(number) });
    const ended = { tracked, trialWorkflowId: trial(0).workflowId, trial: 0, parameters: {}, state: 'completed' as const };
    await run('logTrial', { ...ended, metrics: {}, history: [] });
    await run('closeRun', { tracked, outcome: 'cancelled' });
    const filter = `tags.\`mlflow.parentRunId\` = '${tracked.runId}'`;
    const trials = await collect(mlflow.runs.search([tracked.experimentId], { filter }));
    expect(Object.fromEntries(trials.map(({ runName, status }) => [runName, status]))).toEqual({
      'trial-0': 'FINISHED',
      'trial-1': 'KILLED',
    });
  });

  test('a fold is a nested run, and the figures over the folds stand in the run itself, also after a retry', async () => {
    const { tracked } = await opened();
    const rows = { train: 60, validation: 15, heldOut: 25 };
    const foldWorkflowId = `w/${tracked.runId}/cross-validation/fold-2`;
    const fold: LogFoldInput = {
      tracked,
      foldWorkflowId,
      fold: 2,
      rows,
      metrics: { auc: 0.74 },
      predictions: await store.putJson('predictions'),
      history: [{ step: 10, metrics: { loss: 0.7 } }],
    };
    const report = await store.putJson({ found: 3 });
    const summary: CrossValidationSummary = {
      kind: 'k-fold',
      workflowId: `w/${tracked.runId}/cross-validation`,
      folds: [{ fold: 2, rows }],
      metrics: { auc: { mean: 0.74, standardDeviation: 0.01, values: [0.74] } },
      labelIssues: { rows: 3, share: 0.03, report },
    };
    for (let attempt = 0; attempt < 2; attempt++) {
      await run('logFold', fold);
      await run('logCrossValidation', { tracked, summary });
    }
    const folds = await collect(mlflow.runs.search([tracked.experimentId], { filter: `tags.\`mlflow.parentRunId\` = '${tracked.runId}'` }));
    expect(folds).toHaveLength(1);
    expect(folds[0]).toMatchObject({ runName: 'fold-2', status: 'FINISHED', params: { fold: '2', 'rows.heldOut': '25' } });
    expect(await collect(mlflow.runs.metricHistory(folds[0].runId, 'heldOut/auc'))).toMatchObject([{ value: 0.74, step: 10 }]);
    for (const [name, value] of [
      ['mean', 0.74],
      ['std', 0.01],
    ] as const) {
      expect(await collect(mlflow.runs.metricHistory(tracked.runId, `crossValidation/auc/${name}`))).toMatchObject([{ value }]);
    }
    const { artifactUri } = await mlflow.runs.get(tracked.runId);
    const reports = await mlflow.artifacts.list(artifactUri, 'reports');
    expect(reports.map(({ path }) => path).sort()).toEqual(['cross-validation.json', 'label-issues.json']);
  });

  test('the data set of a run stands among its inputs, parameters and reports', async () => {
    const { tracked, spec } = await opened();
    const data = await store.putJson('the rows');
    const manifest: SnapshotManifest = {
      formatVersion: 1,
      sources: [{ uri: 'toy.csv', sha256: 'a'.repeat(64), sizeBytes: 10 }],
      parts: [{ data, rows: 12 }],
      typing: 'text',
      rows: 12,
      columns: [
        { name: 'x', type: 'DOUBLE' },
        { name: 'y', type: 'BIGINT' },
      ],
    };
    const report = await store.putJson({ passed: true });
    const page = await store.putBytes(Buffer.from('<p>the data</p>'));
    const input = {
      tracked,
      snapshot: { manifest: await store.putJson(manifest), digest: data.sha256, rows: 12, reused: false },
      validation: { report, passed: true, rows: 11, quarantined: [{ reason: 'range', rows: 1 }], anomalies: [] },
      prepared: { manifest: data, rows: { train: 7, validation: 2, test: 2 }, dropped: [] },
    };
    await run('logDataReport', { tracked, validation: { report, page } });
    await run('logDataset', input);
    await run('logDataset', input);
    const logged = await mlflow.runs.get(tracked.runId);
    expect(logged.params).toEqual({
      'data.source': 'toy.csv',
      'data.rows.all': '12',
      'data.rows.quarantined': '1',
      'data.rows.train': '7',
      'data.rows.validation': '2',
      'data.rows.test': '2',
    });
    expect(logged.tags['anneal.data_digest']).toBe(data.sha256);
    expect(await collect(mlflow.runs.search([tracked.experimentId], { filter: `dataset.name = '${spec.name}'` }))).toHaveLength(1);
    expect(Buffer.from(await mlflow.artifacts.downloadBytes(logged.artifactUri, 'reports/validation.json')).toString()).toBe(
      '{"passed":true}',
    );
    expect(Buffer.from(await mlflow.artifacts.downloadBytes(logged.artifactUri, 'reports/data.html')).toString()).toBe('<p>the data</p>');
  });

  test('a model is registered as one version with its bundle, also when it is tried again, and Python loads and predicts the same', async () => {
    const { spec, workflowId, tracked } = await opened({ description: 'late or not' });
    const { bundle, golden } = await tinyBundle(store);
    const input = await registerInput(store, { spec, tracked, workflowId, bundle });
    const served = await run('registerModelVersion', input);
    expect(served).toEqual({ version: '1', bundle, pipelineRun: 'run-1', runStartedAtMs: 1_700_000_000_000, mlflowRunId: tracked.runId });
    expect(await run('registerModelVersion', input)).toEqual(served);
    expect(await collect(mlflow.versions.search({ filter: `name = '${spec.name}'` }))).toHaveLength(1);
    expect(await mlflow.models.get(spec.name)).toMatchObject({ description: 'late or not', aliases: { challenger: '1' } });
    expect(await mlflow.versions.get(spec.name, '1')).toMatchObject({
      runId: tracked.runId,
      tags: {
        'anneal.model_digest': bundle.model.sha256,
        'anneal.data_digest': 'd'.repeat(64),
        'anneal.workflow_id': workflowId,
        'anneal.primary_metric_value': '0.73',
      },
    });

    const logged = await mlflow.runs.get(tracked.runId);
    const metrics = Object.fromEntries(logged.metrics.map(({ key, value }) => [key, value]));
    expect(metrics).toMatchObject({ 'test/auc': 0.73, 'baseline/brier': 0.16, 'validation/auc': 0.74, loss: 0.5, threshold: 0.5 });
    expect(logged.params).toMatchObject({ 'model.family': 'linear', 'training.batchSize': '256' });
    expect(logged.tags['anneal.parameters_digest']).toBe(input.training.parametersDigest);
    expect((await mlflow.artifacts.list(logged.artifactUri, 'reports')).map((file) => file.path)).toContain('evaluation.json');

    await run('setModelAlias', { model: spec.name, alias: 'champion', version: '1' });
    const predicted = await predictInPython(trackingUri, `models:/${spec.name}@champion`);
    for (const way of ['onnx', 'frame', 'tensors', 'example'] as const) {
      for (const [i, row] of golden.outputs.entries()) {
        for (const [c, value] of row.entries()) expect(predicted[way][i][c]).toBeCloseTo(value, 5);
      }
    }
  });

  test('a run says what it waits for, and it and its version say why bad data were let pass, however long the reason', async () => {
    const { spec, workflowId, tracked } = await opened();
    const tags = async () => (await mlflow.runs.get(tracked.runId)).tags;
    await run('tagRun', { tracked, tags: { waitsFor: 'override' } });
    expect(await tags()).toMatchObject({ 'anneal.waits_for': 'override' });
    expect(await tags()).not.toHaveProperty(['anneal.data_override']);
    const dataOverride = `holes "known" ${'x'.repeat(20_000)}`;
    await run('tagRun', { tracked, tags: { waitsFor: '' } });
    for (let attempt = 0; attempt < 2; attempt++) await run('tagRun', { tracked, tags: { dataOverride } });
    const cut = expect.stringMatching(/^holes "known" x+…$/) as unknown;
    expect(await tags()).toMatchObject({ 'anneal.waits_for': '', 'anneal.data_override': cut });

    const { bundle } = await tinyBundle(store);
    const input = await registerInput(store, { spec, tracked, workflowId, bundle });
    await run('registerModelVersion', { ...input, dataOverride });
    expect((await mlflow.versions.get(spec.name, '1'))!.tags).toMatchObject({ 'anneal.data_override': cut });
    // The next version was trained on data that nobody had to let pass.
    const next = await tinyBundle(store, 1);
    await run('registerModelVersion', await registerInput(store, { spec, tracked, workflowId, bundle: next.bundle }));
    expect((await mlflow.versions.get(spec.name, '2'))!.tags).not.toHaveProperty(['anneal.data_override']);
  });

  test('a version that was created before its activity was cut off is found again', async () => {
    const { spec, workflowId, tracked } = await opened();
    const { bundle } = await tinyBundle(store);
    const input = await registerInput(store, { spec, tracked, workflowId, bundle });
    // MLflow may turn one of two writers at the same time away; Temporal would try it again.
    const attempt = () => run('registerModelVersion', input).catch(() => run('registerModelVersion', input));
    const both = await Promise.all([attempt(), attempt()]);
    const versions = await collect(mlflow.versions.search({ filter: `name = '${spec.name}'` }));
    expect(versions).toHaveLength(1);
    expect(both.map(({ version }) => version)).toContain(versions[0].version);
  });

  test('a run that was reset and ended in another model has a version for each, with files of its own', async () => {
    const { spec, workflowId, tracked } = await opened();
    const [first, second] = [await tinyBundle(store, 0), await tinyBundle(store, 1)];
    await run('registerModelVersion', await registerInput(store, { spec, tracked, workflowId, bundle: first.bundle }));
    const other = { ...spec, training: { ...spec.training, epochs: 9 } };
    const again = await run(
      'registerModelVersion',
      await registerInput(store, { spec: other, tracked, workflowId, bundle: second.bundle }),
    );
    expect(again).toMatchObject({ version: '2', bundle: second.bundle });
    const sources = (await collect(mlflow.versions.search({ filter: `name = '${spec.name}'` }))).map(({ source }) => source);
    expect(new Set(sources).size).toBe(2);
    expect((await mlflow.runs.get(tracked.runId)).tags['anneal.parameter.training.epochs']).toBe('9');
  });

  test('a version is resolved by number and by alias, and an unknown one is refused for good', async () => {
    const { spec, workflowId, tracked } = await opened();
    const { bundle } = await tinyBundle(store);
    const served = await run('registerModelVersion', await registerInput(store, { spec, tracked, workflowId, bundle }));
    expect(await run('resolveModelVersion', { model: spec.name, version: '1' })).toEqual(served);
    expect(await run('resolveModelVersion', { model: spec.name, version: 'challenger' })).toEqual(served);
    const unknown = { type: failureTypes.unknownModelVersion, nonRetryable: true };
    await expect(run('resolveModelVersion', { model: spec.name, version: '2' })).rejects.toMatchObject(unknown);
    await expect(run('resolveModelVersion', { model: spec.name, version: 'champion' })).rejects.toMatchObject(unknown);
    await expect(run('resolveModelVersion', { model: 'no-such-model', version: '1' })).rejects.toMatchObject(unknown);
    await expect(run('setModelAlias', { model: spec.name, alias: 'champion', version: '7' })).rejects.toMatchObject(unknown);
    await mlflow.versions.create({
      name: spec.name,
      source: `mlflow-artifacts:/${tracked.experimentId}/${tracked.runId}/artifacts/own`,
      runId: tracked.runId,
    });
    await expect(run('resolveModelVersion', { model: spec.name, version: '2' })).rejects.toMatchObject({
      ...unknown,
      message: expect.stringContaining('anneal.bundle'),
    });
  });

  test('an MLflow that does not answer is told by its address, and tried again', async () => {
    const { spec, workflowId } = await opened();
    const away = trackingActivities('http://127.0.0.1:9');
    const input = { spec, run: 'run-1', workflowId, temporalRunId: 't-1' };
    await expect(run('openRun', input, away)).rejects.toMatchObject({
      type: 'MlflowUnavailable',
      nonRetryable: false,
      message: expect.stringMatching(/http:\/\/127\.0\.0\.1:9.*start the MLflow server/),
    });
  });

  test('a request that MLflow refuses as wrong is not tried again', async () => {
    const tracked = { experimentId: '0', runId: 'no-such-run', url: '' };
    await expect(run('closeRun', { tracked, outcome: 'failed' })).rejects.toMatchObject({ type: 'MlflowRefused', nonRetryable: true });
  });

  test('a promotion starts the lifecycle, moves the champion, and is done once however often it is asked for', async () => {
    const { spec, workflowId, tracked } = await opened();
    const model = spec.name;
    expect(await run('currentChampion', { model })).toBeUndefined();
    const { bundle } = await tinyBundle(store, 0, { degrade: { fallbackModel: 'nowhere' } });
    const version = await run('registerModelVersion', await registerInput(store, { spec, tracked, workflowId, bundle }));
    const worker = await Worker.create({
      connection: temporal.nativeConnection,
      namespace: temporal.namespace,
      taskQueue: taskQueues.orchestration,
      workflowBundle: await testWorkflowBundle(),
      activities: { ...activities },
      shutdownForceTime: '2 seconds',
    });
    await worker.runUntil(async () => {
      const request = { model, requestId: workflowId, version, reason: 'test', minHosts: 0, hostWaitSeconds: 1 };
      const results = await Promise.all([run('promoteVersion', request), run('promoteVersion', request)]);
      const warnings = [expect.stringMatching(/fallbackModel of "tiny" is "nowhere", and no version of such a model serves/)];
      expect(results[0]).toMatchObject({ model, version: '1', epoch: 1, warnings });
      expect(results[1]).toEqual(results[0]);
      expect(await run('promoteVersion', request)).toEqual(results[0]);
      expect(await run('currentChampion', { model })).toEqual(version);
      expect((await mlflow.models.getVersionByAlias(model, 'champion'))?.version).toBe('1');

      const { inputs, ...manifest } = await store.readJson<ModelManifest>(bundle.manifest);
      const stricter = await store.putJson({ ...manifest, inputs: [...inputs, { ...inputs[0], name: 'due', nullable: false }] });
      const second = { workflowId: `pipeline/${model}/run-2`, spec };
      const later = await run('openRun', { ...second, run: 'run-2', temporalRunId: 't-2' });
      const registered = await run('registerModelVersion', await registerInput(store, { ...second, tracked: later, bundle }));
      const next = { ...registered, bundle: { ...bundle, manifest: stricter } };
      const { warnings: said } = await run('promoteVersion', { ...request, requestId: `${workflowId}-next`, version: next });
      expect(said).toContainEqual(
        expect.stringMatching(/^Version 2 of .* refuses requests without "due"; version 1, which served before, did not/),
      );
      expect(await run('promoteVersion', { ...request, requestId: `${workflowId}-back` })).toMatchObject({
        version: '1',
        epoch: 3,
        warnings,
      });

      const refused = { ...request, requestId: `${workflowId}-2`, minHosts: 3 };
      await expect(run('promoteVersion', refused)).rejects.toMatchObject({ type: failureTypes.rolloutFailed, nonRetryable: true });
      expect(await run('currentChampion', { model })).toEqual(version);

      const waiting = quietContext();
      const cancelled = run('promoteVersion', { ...refused, requestId: `${workflowId}-3`, hostWaitSeconds: 600 }, activities, waiting);
      setTimeout(() => waiting.cancel(), 300);
      await expect(cancelled).rejects.toMatchObject({ name: 'CancelledFailure' });
      await temporal.client.workflow.getHandle(`model/${model}`).terminate();
    });
  });
});

interface PythonPredictions {
  readonly onnx: number[][];
  readonly frame: number[][];
  readonly tensors: number[][];
  readonly example: number[][];
}

/** Load a model as MLflow's users do, and predict the golden rows in each way that it offers. */
async function predictInPython(trackingUri: string, modelUri: string): Promise<PythonPredictions> {
  const program = `
import json, logging, sys, warnings
warnings.filterwarnings("ignore"); logging.disable(logging.CRITICAL)
import mlflow, numpy as np, onnxruntime as ort, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
frame = pd.DataFrame({"origin": ["O'Hare", "SFO", "elsewhere"], "date": [991396800000, 991440000000, 991526400000], "delay": [12.5, -30.0, 0.0]})
tensors = {name: frame[name].to_numpy().reshape(-1, 1) for name in frame}
session = ort.InferenceSession(mlflow.onnx.load_model(sys.argv[2]).SerializeToString(), providers=["CPUExecutionProvider"])
loaded = mlflow.pyfunc.load_model(sys.argv[2])
example = mlflow.models.Model.load(sys.argv[2]).load_input_example()
print(json.dumps({
    "onnx": session.run(["probabilities"], tensors)[0].tolist(),
    "frame": np.asarray(loaded.predict(frame)["probabilities"]).reshape(-1, 2).tolist(),
    "tensors": np.asarray(loaded.predict(tensors)["probabilities"]).tolist(),
    "example": np.asarray(loaded.predict(example)["probabilities"]).reshape(-1, 2).tolist(),
}))`;
  const { stdout } = await promisify(execFile)(executable('python'), ['-c', program, trackingUri, modelUri], {
    env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' },
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as PythonPredictions;
}
