import { collect, type Metric, isMlflowError, type MlflowClient, type Run, type Tags } from 'mlflow-ts-client';
import type {
  LogDataReportInput,
  LogDatasetInput,
  LogTrialInput,
  OpenRunInput,
  RunOutcome,
  RunTags,
  TrackedRun,
} from '../contracts/activities.js';
import type { LogCrossValidationInput, LogFoldInput } from '../contracts/cross-validation.js';
import type { ArtifactStore } from '../contracts/artifact-store.js';
import type { SnapshotManifest } from '../contracts/dataset.js';
import type { MetricPoint, NestedPage, TrainingPage } from '../contracts/training.js';
import { canonicalJson } from '../contracts/canonical-json.js';
import { datasetInput } from './mlflow-dataset.js';
import { fitted, flattenParameters, tagFilter, tagNames, underHeading } from './mlflow-names.js';

export interface MlflowAddresses {
  /** MLflow's UI, without a slash at the end. */
  readonly uiUrl: string;
  /** Temporal's UI, without a slash at the end. */
  readonly temporalUiUrl: string;
  readonly namespace: string;
}

/**
 * Pipeline runs as MLflow runs: an experiment a pipeline, a parent run a pipeline run, a nested run a trial.
 *
 * Everything may be called again with the same input: what an attempt made before it was cut off is found by its tag.
 */
export class MlflowTracking {
  constructor(
    private readonly client: MlflowClient,
    private readonly store: ArtifactStore,
    private readonly addresses: MlflowAddresses,
  ) {}

  async openRun({ spec, run, workflowId, temporalRunId }: OpenRunInput): Promise<TrackedRun> {
    const experimentId = await this.#experiment(spec.name);
    const temporalUrl = workflowUrl(this.addresses, workflowId, temporalRunId);
    const tags: Tags = {
      [tagNames.workflowId]: workflowId,
      [tagNames.temporalRunId]: temporalRunId,
      [tagNames.temporalUrl]: temporalUrl,
      [tagNames.pipeline]: spec.name,
      'mlflow.source.name': spec.name,
      'mlflow.source.type': 'JOB',
      'mlflow.note.content': `${spec.description ? `${spec.description}\n\n` : ''}[Workflow ${workflowId} in Temporal](${temporalUrl})`,
    };
    const opened = await this.#findOrCreate(experimentId, tagNames.workflowId, workflowId, run, tags);
    // A run that was reset or retried goes on in the MLflow run that it began in.
    if (opened.status !== 'RUNNING') await this.client.runs.update(opened.runId, { status: 'RUNNING' });
    if (opened.tags[tagNames.temporalRunId] !== temporalRunId) await this.client.runs.setTags(opened.runId, tags);
    await this.client.artifacts.uploadBytes(opened.artifactUri, 'pipeline.json', JSON.stringify(spec, undefined, 2));
    return { experimentId, runId: opened.runId, url: `${this.addresses.uiUrl}/#/experiments/${experimentId}/runs/${opened.runId}` };
  }

  /** The report of a validation as JSON and as a page, in place of an earlier one. */
  async logDataReport({ tracked, validation: { report, page } }: LogDataReportInput): Promise<void> {
    const { artifactUri } = await this.client.runs.get(tracked.runId);
    await this.client.artifacts.uploadBytes(artifactUri, 'reports/validation.json', await this.store.readBytes(report));
    if (page) await this.client.artifacts.uploadBytes(artifactUri, 'reports/data.html', await this.store.readBytes(page));
  }

  /** The data set as MLflow's own kind of input, row counts as parameters. */
  async logDataset({ tracked, snapshot, validation, prepared }: LogDatasetInput): Promise<void> {
    const [run, manifest] = await Promise.all([
      this.client.runs.get(tracked.runId),
      this.store.readJson<SnapshotManifest>(snapshot.manifest),
    ]);
    const quarantined = validation.quarantined.reduce((sum, { rows }) => sum + rows, 0);
    await this.client.runs.logInputs(tracked.runId, [datasetInput(run.tags[tagNames.pipeline] ?? 'dataset', snapshot.digest, manifest)]);
    await this.client.runs.setTags(tracked.runId, { [tagNames.dataDigest]: snapshot.digest });
    await this.logParameters(run, {
      data: {
        source: manifest.sources.length === 1 ? manifest.sources[0].uri : `${manifest.sources.length} files`,
        rows: { all: snapshot.rows, quarantined, ...prepared.rows },
      },
    });
  }

  /**
   * Find the run that shows the curve of a training while it goes on; a nested one is opened.
   *
   * @throws Error when the page of the pipeline run is not open yet
   * @returns what logs points there, as those who log the training's result will do it, so that MLflow takes these for the same ones
   */
  async openCurve(page: TrainingPage): Promise<(points: readonly MetricPoint[], from: number) => Promise<void>> {
    const run = 'nested' in page ? await this.#nestedRun(page, page.nested) : await this.#openRunOf(page.pipeline, page.workflowId);
    return async (points, from) => {
      const metrics = toMetrics(points, run.startTimeMs).filter(({ timestampMs }) => timestampMs >= run.startTimeMs + from);
      await this.client.runs.logBatch(run.runId, { metrics });
    };
  }

  async logTrial({ tracked, trialWorkflowId, trial, parameters, state, metrics, history }: LogTrialInput): Promise<void> {
    const run = await this.#nestedRun(tracked, { kind: 'trial', number: trial, workflowId: trialWorkflowId });
    await this.logParameters(run, parameters);
    const last = history.at(-1)?.step ?? 0;
    const reached: MetricPoint = { step: last, metrics: underHeading('validation', metrics) };
    await this.client.runs.logBatch(run.runId, {
      metrics: toMetrics([...history, reached], run.startTimeMs),
      tags: { [tagNames.trialState]: state },
    });
    await this.client.runs.update(run.runId, { status: state === 'failed' ? 'FAILED' : 'FINISHED', endTimeMs: Date.now() });
  }

  /** Tell what the run waits for, and what somebody decided about it. */
  async tagRun(runId: string, { waitsFor, dataOverride }: RunTags): Promise<void> {
    await this.client.runs.setTags(runId, {
      ...(waitsFor !== undefined && { [tagNames.waitsFor]: waitsFor }),
      ...(dataOverride !== undefined && { [tagNames.dataOverride]: fitted(dataOverride, 'tag') }),
    });
  }

  /** A nested run with the history of the fold's training and its figures on the rows held out. */
  async logFold({ tracked, foldWorkflowId, fold, rows, metrics, history }: LogFoldInput): Promise<void> {
    const run = await this.#nestedRun(tracked, { kind: 'fold', number: fold, workflowId: foldWorkflowId });
    await this.logParameters(run, { fold, rows });
    const reached: MetricPoint = { step: history.at(-1)?.step ?? 0, metrics: underHeading('heldOut', metrics) };
    await this.client.runs.logBatch(run.runId, { metrics: toMetrics([...history, reached], run.startTimeMs) });
    await this.client.runs.update(run.runId, { status: 'FINISHED', endTimeMs: Date.now() });
  }

  async logCrossValidation({ tracked, summary }: LogCrossValidationInput): Promise<void> {
    const run = await this.client.runs.get(tracked.runId);
    const figures = Object.entries(summary.metrics).flatMap(([name, { mean, standardDeviation }]): [string, number][] => [
      [`crossValidation/${name}/mean`, mean],
      [`crossValidation/${name}/std`, standardDeviation],
    ]);
    const metrics = toMetrics([{ step: 0, metrics: Object.fromEntries(figures) }], run.startTimeMs);
    await this.client.runs.logBatch(tracked.runId, { metrics });
    await this.client.artifacts.uploadBytes(run.artifactUri, 'reports/cross-validation.json', JSON.stringify(summary, undefined, 2));
    if (!summary.labelIssues) return;
    const report = await this.store.readBytes(summary.labelIssues.report);
    await this.client.artifacts.uploadBytes(run.artifactUri, 'reports/label-issues.json', report);
  }

  /** A nested run that goes on is of a trial or a fold that was ended from outside. */
  async closeRun({ experimentId, runId }: TrackedRun, outcome: RunOutcome, reason?: string): Promise<void> {
    const filter = `${tagFilter('mlflow.parentRunId', runId)} AND attributes.status = 'RUNNING'`;
    const endTimeMs = Date.now();
    for (const nested of await collect(this.client.runs.search([experimentId], { filter })))
      await this.client.runs.update(nested.runId, { status: 'KILLED', endTimeMs });
    await this.client.runs.setTags(runId, {
      [tagNames.outcome]: outcome,
      ...(reason !== undefined && { [tagNames.reason]: fitted(reason, 'tag') }),
    });
    const status = ({ promoted: 'FINISHED', rejected: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED' } as const)[outcome];
    await this.client.runs.update(runId, { status, endTimeMs });
  }

  /**
   * Write parameters, nested ones with dotted names.
   *
   * MLflow never changes a parameter. A run that was reset may have come to other values: those stand in tags beside the first ones.
   */
  async logParameters(run: Run, parameters: Readonly<Record<string, unknown>>): Promise<void> {
    const wanted = Object.entries(flattenParameters(parameters));
    const known = (await this.client.runs.get(run.runId)).params;
    await this.client.runs.logBatch(run.runId, {
      params: Object.fromEntries(wanted.filter(([key]) => !Object.hasOwn(known, key))),
      tags: Object.fromEntries(
        wanted
          .filter(([key, value]) => Object.hasOwn(known, key) && known[key] !== value)
          .map(([key, value]) => [`anneal.parameter.${key}`, value]),
      ),
    });
  }

  async #experiment(name: string): Promise<string> {
    const found = (await this.client.experiments.getByName(name)) ?? (await this.#createExperiment(name));
    if (found?.lifecycleStage === 'deleted') await this.client.experiments.restore(found.experimentId);
    return found.experimentId;
  }

  async #createExperiment(name: string): Promise<{ readonly experimentId: string; readonly lifecycleStage: string }> {
    try {
      // The kind makes MLflow's UI open the experiment with its pages for training, not with those for language models.
      const tags = { [tagNames.pipeline]: name, 'mlflow.experimentKind': 'custom_model_development' };
      return { experimentId: await this.client.experiments.create({ name, tags }), lifecycleStage: 'active' };
    } catch (error) {
      // Two first runs of a pipeline at once: the other one was faster.
      const found = isMlflowError(error, 'RESOURCE_ALREADY_EXISTS') ? await this.client.experiments.getByName(name) : undefined;
      if (!found) throw error;
      return found;
    }
  }

  async #openRunOf(pipeline: string, workflowId: string): Promise<Run> {
    const experiment = await this.client.experiments.getByName(pipeline);
    const run = experiment && (await this.#oldest(experiment.experimentId, tagNames.workflowId, workflowId));
    if (!run) throw new Error(`The page of ${workflowId} is not open yet.`);
    return run;
  }

  /** Of a trial or a fold: one, whether its curve was shown while it trained or not. */
  #nestedRun(
    { experimentId, runId }: Pick<TrackedRun, 'experimentId' | 'runId'>,
    { kind, number, workflowId }: NestedPage['nested'],
  ): Promise<Run> {
    const keyTag = kind === 'trial' ? tagNames.trialWorkflowId : tagNames.foldWorkflowId;
    return this.#findOrCreate(experimentId, keyTag, workflowId, `${kind}-${number}`, {
      [keyTag]: workflowId,
      'mlflow.parentRunId': runId,
      'mlflow.source.type': 'JOB',
    });
  }

  async #findOrCreate(experimentId: string, keyTag: string, key: string, runName: string, tags: Tags): Promise<Run> {
    const found = await this.#oldest(experimentId, keyTag, key);
    if (found) return found;
    const created = await this.client.runs.create({ experimentId, runName, tags });
    // An attempt that Temporal took for lost may still be at work: both agree on the older run.
    const agreed = (await this.#oldest(experimentId, keyTag, key)) ?? created;
    if (agreed.runId !== created.runId) await this.client.runs.delete(created.runId);
    return agreed;
  }

  async #oldest(experimentId: string, keyTag: string, key: string): Promise<Run | undefined> {
    const orderBy = ['attributes.start_time ASC', 'attributes.run_id ASC'];
    const [run] = await collect(this.client.runs.search([experimentId], { filter: tagFilter(keyTag, key), orderBy, pageSize: 1 }), 1);
    return run;
  }
}

export function workflowUrl({ temporalUiUrl, namespace }: MlflowAddresses, workflowId: string, temporalRunId: string): string {
  return `${temporalUiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}/${temporalRunId}`;
}

/**
 * Each point is a millisecond after the one before it: of values at one step MLflow shows the latest as the run's, and of those at one
 * time the largest, whatever was meant. So what is to be the run's figure comes last.
 *
 * @param startTimeMs the same at every attempt, so that MLflow takes a repeated point for the one that it has
 */
export function toMetrics(points: readonly MetricPoint[], startTimeMs: number): Metric[] {
  const distinct = new Map<string, Metric>();
  const last = new Map<string, Metric>();
  for (const [place, { step, metrics }] of points.entries()) {
    for (const [key, value] of Object.entries(metrics)) {
      // Where nothing came in between, the figure stands already, and may have been sent.
      const before = last.get(key);
      if (before?.step === step && Object.is(before.value, value)) continue;
      const metric: Metric = { key, value, timestampMs: startTimeMs + place, step };
      distinct.set(canonicalJson([key, step, String(value)]), metric);
      last.set(key, metric);
    }
  }
  return [...distinct.values()];
}
